import { fileURLToPath } from 'node:url';
import { connect } from '../../src/connect/connect.js';
import { put, remove } from '../../src/store/ops.js';
import type { Store } from '../../src/store/store.js';
import { bareStore } from '../client/bare-txns.js';
import type { CrowdJob, HoldResult, WaitResult } from '../client/crowd-job.js';
import { latencySample, rateOf, warmUp } from '../client/loops.js';
import type { Lab } from '../lab.js';
import type { Opened, Row, Sample } from '../row.js';
import { WorkerProcess } from '../worker-process.js';
import { roundTrip } from './hand-over-rows.js';

const held = '10,000 held';
const waiterCounts = [100, 1_000, 10_000];
/** So many of one session have places of their own. */
const callersPerSession = 8;
const handOvers = 60;
const putsPerTxn = 50;
const conclave = 'conclave';
const bare = 'bare txn round trip';

/** Very many handles of one process. */
export const scaleRows: readonly Row[] = [
  {
    id: 'scale/held',
    title: '10,000 locks held by one process: memory of each',
    unit: 'B/lock',
    better: 'less',
    fullOnly: true,
    rounds: 3,
    comparisons: [],
    bounds: [
      { of: held, detail: 'leases', atMost: 1 },
      { of: held, detail: 'keepalive streams', atMost: 1 },
      { of: held, detail: 'idle CPU %', atMost: 1 },
      { of: held, detail: 'a cycle while / before', atMost: 1.5 },
    ],
    open: async (lab) => ({ subjects: new Map([[held, () => holdMany(lab)]]), close: async () => {} }),
  },
  {
    id: 'scale/uses',
    title: 'acquire and release of one name, unused and used 20,000 times since the last compaction (--quick: 1,000)',
    unit: 'cycles/s',
    better: 'more',
    comparisons: [
      { of: 'used', to: 'unused', aim: 0.9 },
      { of: 'other leases’ dead keys', to: 'unused' },
    ],
    open: openUses,
  },
  ...waiterCounts.map(
    (count): Row => ({
      ...waiting(`scale/waiters-${count}`, count, 0),
      title: `hand-over of one lock for which ${count} callers of one process wait, p50`,
      bounds: [
        { of: conclave, detail: 'places', atMost: 2 },
        { of: conclave, detail: 'out of turn', atMost: 0 },
        { of: conclave, detail: 'turns before another process', atMost: 2 },
      ],
      point: { chart: 'scale-waiters', x: count, xLabel: 'callers in line' },
    }),
  ),
  ...waiterCounts.map(
    (count): Row => ({
      ...waiting(`scale/places-${count}`, count, Math.ceil(count / callersPerSession)),
      title: `hand-over of one lock with ${count} places in its line, p50`,
      point: { chart: 'scale-places', x: count, xLabel: 'places in line' },
    }),
  ),
];

function waiting(id: string, count: number, sessions: number): Omit<Row, 'title'> {
  return {
    id,
    unit: 'ms',
    better: 'less',
    fullOnly: true,
    rounds: count > 1_000 ? 1 : 3,
    comparisons: [{ of: conclave, to: bare, aim: 1 / 3 }],
    because: 'in a line of less than 256 places the one that is next has etcd read the line',
    open: (lab) => openWaiters(lab, count, sessions),
  };
}

/**
 * One name that was used by a process that still is, and one in which as many processes have each had one place: of
 * those keys etcd keeps a trace each.
 */
async function openUses(lab: Lab): Promise<Opened> {
  const { url } = await lab.server('etcd no-fsync');
  const ours = await connect(url);
  const floor = bareStore(url);
  const uses = lab.scale.quick ? 1_000 : 20_000;
  const cycle = async (name: string) => (await ours.lock(name)).release();
  await warmUp(1, [() => cycle('bench/warm')]);
  for (let n = 0; n < uses; n++) await cycle('bench/used');
  for (let n = 0; n < uses; n += putsPerTxn) await leaveDeadKeys(floor, 'locks/bench/others/', n);
  const { sampleMs } = lab.scale;
  let unused = 0;
  const rateAt = (name: () => string) => () => {
    const at = name();
    return rateOf(1, sampleMs / 4, () => cycle(at));
  };
  return {
    subjects: new Map([
      ['used', rateAt(() => 'bench/used')],
      ['unused', rateAt(() => `bench/unused/${unused++}`)],
      ['other leases’ dead keys', rateAt(() => 'bench/others')],
    ]),
    close: async () => {
      await ours.close();
      await floor.close();
    },
  };
}

async function leaveDeadKeys(store: Store, prefix: string, from: number): Promise<void> {
  const keys = Array.from({ length: putsPerTxn }, (_, i) => `${prefix}${(from + i).toString(16)}.${'0'.repeat(16)}`);
  await store.txn({ success: keys.map((key) => put(key, '')) });
  await store.txn({ success: keys.map((key) => remove(key)) });
}

async function openWaiters(lab: Lab, count: number, sessions: number): Promise<Opened> {
  const { url } = await lab.server('etcd no-fsync');
  const floor = bareStore(url);
  return {
    subjects: new Map([
      [conclave, () => waitMany(url, count, sessions)],
      [bare, () => roundTrip(floor, handOvers)],
    ]),
    close: () => floor.close(),
  };
}

async function holdMany(lab: Lab): Promise<Sample> {
  const { url } = await lab.server('etcd no-fsync');
  const result = await inCrowd<HoldResult>({ type: 'hold', url, count: 10_000 });
  return {
    value: result.bytesPerLock,
    details: {
      'locks taken/s': result.locksPerSecond,
      'idle CPU %': result.idleCpuPercent,
      leases: result.leases,
      'keepalive streams': result.keepAliveStreams,
      'a cycle while / before': result.cycleWhileMs / result.cycleBeforeMs,
    },
  };
}

async function waitMany(url: string, count: number, sessions: number): Promise<Sample> {
  const job: CrowdJob = { type: 'wait', url, count, sessions, handOvers };
  const { handOversMs, bytesPerWaiter, crowd } = await inCrowd<WaitResult>(job);
  const { value, details } = latencySample(handOversMs);
  const facts = crowd && {
    places: crowd.places,
    'out of turn': crowd.outOfTurn,
    'turns before another process': crowd.turnsBeforeOther,
  };
  return { value, details: { ...details, 'B/waiter': bytesPerWaiter, ...facts } };
}

/** In a process that has done nothing else. */
async function inCrowd<Result>(job: CrowdJob): Promise<Result> {
  const file = fileURLToPath(new URL('../client/crowd-worker.js', import.meta.url));
  const worker = new WorkerProcess<CrowdJob>(file, ['--expose-gc']);
  try {
    return await worker.run<Result>(job);
  } finally {
    worker.close();
  }
}
