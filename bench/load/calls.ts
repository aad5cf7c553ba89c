import { quantile } from '../statistics.js';
import { H2Client } from './h2-client.js';
import type { Job, JobResult } from './job.js';
import { type Requests, requestsOf } from './requests.js';

/** Several callers of a real service share a few connections. */
const connectionsMax = 4;

/** Answers of a server, as they come in. */
export class Tally {
  count = 0;
  readonly latenciesMs: number[] = [];
  readonly #startedAtMs = performance.now();
  readonly #cpuBefore = process.cpuUsage();

  result(): JobResult {
    const seconds = (performance.now() - this.#startedAtMs) / 1_000;
    const { user, system } = process.cpuUsage(this.#cpuBefore);
    const some = this.latenciesMs.length > 0;
    return {
      count: this.count,
      seconds,
      cpuMicros: user + system,
      p50Ms: some ? quantile(this.latenciesMs, 0.5) : 0,
      p99Ms: some ? quantile(this.latenciesMs, 0.99) : 0,
    };
  }
}

export async function runCalls(job: Extract<Job, { type: 'calls' }>): Promise<JobResult> {
  const requests = requestsOf(job.call);
  const clients = await connectAll(job.port, Math.min(connectionsMax, job.concurrency));
  try {
    const untilMs = performance.now() + job.durationMs;
    const tally = new Tally();
    await closedLoops(job.concurrency, (caller, n) => {
      if (performance.now() >= untilMs) return undefined;
      return oneCall(clients[caller % clients.length] as H2Client, requests, n, tally);
    });
    return tally.result();
  } finally {
    for (const client of clients) client.close();
  }
}

/** Runs `next` again for each of `callers` as soon as its last promise has settled, until it gives none. */
export async function closedLoops(
  callers: number,
  next: (caller: number, n: number) => Promise<void> | undefined,
): Promise<void> {
  let n = 0;
  const loop = async (caller: number) => {
    // Bounded by `next`.
    for (;;) {
      const call = next(caller, n++);
      if (call === undefined) return;
      await call;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => loop(caller)));
}

async function oneCall(client: H2Client, { path, messages }: Requests, n: number, tally: Tally): Promise<void> {
  const startedAtMs = performance.now();
  await client.unary(path, messages[n % messages.length] as Uint8Array);
  tally.latenciesMs.push(performance.now() - startedAtMs);
  tally.count += 1;
}

export function connectAll(port: number, count: number): Promise<H2Client[]> {
  return Promise.all(Array.from({ length: count }, () => H2Client.connect(port)));
}
