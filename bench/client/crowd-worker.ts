import { get } from 'node:http';
import type { Conclave } from '../../src/conclave.js';
import { connect } from '../../src/connect/connect.js';
import { type Deferred, deferred } from '../../src/core/deferred.js';
import type { Held } from '../../src/line/held.js';
import { answerJobs } from '../answer-jobs.js';
import { closedLoops } from '../load/calls.js';
import { bareStore } from './bare-txns.js';
import type { CrowdFacts, CrowdJob, HoldResult, WaitResult } from './crowd-job.js';
import { latencyOf } from './loops.js';
import { usedBytes } from './used-bytes.js';

// A process with very many handles: of its own, so that its memory and its idle time are theirs alone.

const idleMs = 5_000;
/** As the round trips that it is held against. */
const betweenMs = 4;
const callers = 64;
const line = 'bench/crowd';

answerJobs((job: CrowdJob) => (job.type === 'hold' ? hold(job) : wait(job)));

async function hold({ url, count }: Extract<CrowdJob, { type: 'hold' }>): Promise<HoldResult> {
  const leasesBefore = await leasesAt(url);
  const streamsBefore = await keepAliveStreamsAt(url);
  const conclave = await connect(url);
  const cycleBeforeMs = await cycleMs(conclave);
  const bytesBefore = usedBytes();
  const startedAtMs = performance.now();
  const held: Held[] = [];
  await closedLoops(callers, (_caller, n) => {
    return n < count ? conclave.lock(`bench/held/${n}`).then((each) => void held.push(each)) : undefined;
  });
  const seconds = (performance.now() - startedAtMs) / 1_000;
  // The watches on the held keys are there by then.
  await pause(1_000);
  const cycleWhileMs = await cycleMs(conclave);
  const cpuBefore = process.cpuUsage();
  await pause(idleMs);
  const { user, system } = process.cpuUsage(cpuBefore);
  const result = {
    bytesPerLock: (usedBytes() - bytesBefore) / count,
    idleCpuPercent: (user + system) / idleMs / 10,
    locksPerSecond: count / seconds,
    leases: (await leasesAt(url)) - leasesBefore,
    keepAliveStreams: (await keepAliveStreamsAt(url)) - streamsBefore,
    cycleBeforeMs,
    cycleWhileMs,
  };
  if (held.some((each) => !each.held)) throw new Error('some locks were lost meanwhile');
  await conclave.close();
  return result;
}

async function wait({ url, count, sessions, handOvers }: Extract<CrowdJob, { type: 'wait' }>): Promise<WaitResult> {
  const conclave = await connect(url, { requestTimeoutMs: 60_000 });
  await conclave.session.open();
  const own = await Promise.all(Array.from({ length: sessions }, () => conclave.newSession({ ttlMs: 60_000 })));
  const bytesBefore = usedBytes();
  const admitted = new Admissions();
  for (let waiting = 0; waiting < count; ) {
    const batch = Math.min(callers, count - waiting);
    for (let i = 0; i < batch; i++, waiting++) {
      admitted.expect(waiting, conclave.lock(line, { session: own[waiting % sessions] }));
    }
    await standing(conclave, sessions === 0 ? 1 : waiting, admitted);
  }
  await pause(1_000);
  const bytesPerWaiter = (usedBytes() - bytesBefore) / count;
  const handOversMs: number[] = [];
  let holder = await admitted.next();
  for (let n = 0; n < handOvers; n++) {
    await pause(betweenMs);
    const startedAtMs = performance.now();
    const released = holder.release();
    holder = await admitted.next();
    handOversMs.push(performance.now() - startedAtMs);
    await released;
  }
  const crowd = sessions === 0 ? await factsOf(url, conclave, holder, admitted) : undefined;
  await conclave.close();
  return { handOversMs, bytesPerWaiter, crowd };
}

async function factsOf(url: string, conclave: Conclave, first: Held, admitted: Admissions): Promise<CrowdFacts> {
  const places = await placesIn(conclave);
  await using other = await connect(url);
  let had = false;
  const turn = other.lock(line).then((held) => {
    had = true;
    return held.release();
  });
  // One more: the other one's.
  while ((await placesIn(conclave)) === places) await pause(1);
  let turnsBeforeOther = 0;
  // Bounded by those who wait, or they starve it for ever.
  for (let holder = first; !had; holder = await admitted.next()) {
    turnsBeforeOther += 1;
    await holder.release();
  }
  await turn;
  return { places, outOfTurn: admitted.outOfTurn, turnsBeforeOther };
}

async function placesIn(conclave: Conclave): Promise<number> {
  return Number((await conclave.range({ prefix: `locks/${line}/`, countOnly: true })).count);
}

/** Whoever gets the lock, in the order in which they do. */
class Admissions {
  #next = quiet();
  #last = -1;
  /** Callers that came before one who had asked earlier. */
  outOfTurn = 0;
  /** Why one of them gave up. */
  failure: unknown;

  expect(caller: number, turn: Promise<Held>): void {
    turn.then(
      (held) => {
        if (caller < this.#last) this.outOfTurn += 1;
        this.#last = caller;
        this.#next.resolve(held);
      },
      (error) => {
        this.failure ??= error;
        this.#next.reject(error);
      },
    );
  }

  /** One at a time holds, so that nobody comes before the last one was asked for. */
  async next(): Promise<Held> {
    const held = await this.#next.promise;
    this.#next = quiet();
    return held;
  }
}

/** Nobody may be waiting for it when it fails. */
function quiet(): Deferred<Held> {
  const next = deferred<Held>();
  next.promise.catch(() => {});
  return next;
}

/** Resolves when so many have a place. */
async function standing(conclave: Conclave, size: number, admitted: Admissions): Promise<void> {
  // Bounded by the requests that are under way, which answer or fail.
  for (;;) {
    if (admitted.failure !== undefined) throw new Error(`of ${size} callers one gave up: ${admitted.failure}`);
    if ((await placesIn(conclave)) >= size) return;
    await pause(1);
  }
}

async function cycleMs(conclave: Conclave): Promise<number> {
  const cycle = async () => {
    await (await conclave.lock('bench/one-more')).release();
    return undefined;
  };
  await latencyOf(200, cycle);
  return (await latencyOf(200, cycle)).value;
}

async function leasesAt(url: string): Promise<number> {
  const store = bareStore(url);
  try {
    return (await store.leaseLeases()).leases.length;
  } finally {
    await store.close();
  }
}

/** Streams of heartbeats that are open, by etcd's own count. */
async function keepAliveStreamsAt(url: string): Promise<number> {
  const text = await new Promise<string>((resolve, reject) => {
    get(`${url}/metrics`, { agent: false }, (response) => {
      response.toArray().then((parts) => resolve(Buffer.concat(parts as Buffer[]).toString()), reject);
    }).on('error', reject);
  });
  const sum = (name: string) =>
    [...text.matchAll(new RegExp(`^${name}{[^}]*grpc_method="LeaseKeepAlive"[^}]*} (\\d+)$`, 'gm'))]
      .map(([, digits]) => Number(digits))
      .reduce((a, b) => a + b, 0);
  return sum('grpc_server_started_total') - sum('grpc_server_handled_total');
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
