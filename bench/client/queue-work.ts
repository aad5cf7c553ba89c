import type { Conclave } from '../../src/conclave.js';
import type { Queue } from '../../src/queue/queue.js';

/** What consumers of one process do. */
export interface QueueWork {
  readonly name: string;
  readonly consumers: number;
  /** To be done by this process. */
  readonly jobs: number;
}

export interface QueueDone {
  readonly jobs: number;
  /** From the first job that was counted to the last. */
  readonly seconds: number;
  readonly cpuUs: number;
}

const jobsPerCall = 40;
const callsAtOnce = 16;

/** Without limits that a bench would meet. */
export function benchQueue(conclave: Conclave, name: string): Queue<number> {
  return conclave.queue<number>(name, { maxJobs: 10_000_000, maxKib: 10_000_000 });
}

export async function fill(queue: Queue<number>, count: number): Promise<void> {
  let next = 0;
  const loop = async () => {
    while (next < count) {
      const page = Array.from({ length: Math.min(jobsPerCall, count - next) }, (_, i) => next + i);
      next += page.length;
      await queue.enqueueAll(page);
    }
  };
  await Promise.all(Array.from({ length: callsAtOnce }, loop));
}

/** Of the jobs, the part after which all consumers are there and the code is compiled. */
const uncounted = 0.2;

/**
 * As many consumers as asked for, one job each at a time, until so many jobs are done. No timers: on a store in this
 * process none may have its turn before the queue is empty.
 */
export async function consumeSome(conclave: Conclave, { name, consumers, jobs }: QueueWork): Promise<QueueDone> {
  const stop = new AbortController();
  const enough = new Error('enough');
  const first = Math.floor(jobs * uncounted);
  let count = 0;
  let [firstMs, lastMs] = [0, 0];
  let cpuBefore = process.cpuUsage();
  let cpu = cpuBefore;
  const handler = () => {
    count += 1;
    if (count === first) {
      firstMs = performance.now();
      cpuBefore = process.cpuUsage();
    }
    if (count !== jobs) return;
    lastMs = performance.now();
    cpu = process.cpuUsage(cpuBefore);
    stop.abort(enough);
  };
  const consume = () => benchQueue(conclave, name).consume(handler, { signal: stop.signal });
  const ended = await Promise.allSettled(Array.from({ length: consumers }, consume));
  for (const each of ended) if (each.status === 'rejected' && each.reason !== enough) throw each.reason;
  return { jobs: jobs - first, seconds: (lastMs - firstMs) / 1_000, cpuUs: cpu.user + cpu.system };
}
