import { fileURLToPath } from 'node:url';
import { connect } from '../../src/connect/connect.js';
import { incrementBare } from '../client/bare-counter.js';
import { bareStore } from '../client/bare-txns.js';
import type { CounterJob, CounterResult, Counting } from '../client/counter-job.js';
import { rateOf, warmUp } from '../client/loops.js';
import type { Lab } from '../lab.js';
import type { Measure, Opened, Row, Sample } from '../row.js';
import { WorkerProcess } from '../worker-process.js';

const conclave = 'conclave';
const bare = 'read and guarded put';
const blocks = 'conclave, blocks of 100';

/** Numbers that all change, on one etcd. */
export const counterRows: readonly Row[] = [
  ...[1, 64].map((callers): Row => {
    const who = callers === 1 ? '1 caller' : `${callers} callers of one process`;
    return {
      id: `counter/increment-${callers}`,
      title: `one counter, ${who}: additions`,
      unit: 'additions/s',
      better: 'more',
      fullOnly: callers === 1,
      comparisons: [
        { of: conclave, to: bare },
        { of: conclave, to: bare, detail: 'client CPU µs' },
      ],
      open: (lab) => openIncrement(lab, callers),
    };
  }),
  {
    id: 'counter/increment-4x16',
    fullOnly: true,
    title: 'one counter, 4 processes with 16 callers each: additions of all',
    unit: 'additions/s',
    better: 'more',
    because: 'the processes take turns: one write for each turn, and one in four of them is the own',
    comparisons: [{ of: conclave, to: bare }],
    open: openSeveral,
  },
  {
    id: 'counter/sequence-64',
    title: 'ids of one sequence, 64 callers of one process',
    unit: 'ids/s',
    better: 'more',
    comparisons: [
      { of: conclave, to: bare },
      { of: blocks, to: bare },
    ],
    open: openSequence,
  },
];

async function openIncrement(lab: Lab, callers: number): Promise<Opened> {
  const { url } = await lab.server('etcd no-fsync');
  const [ours, floor] = [await connect(url), bareStore(url)];
  const counter = ours.counter(`bench-${callers}`);
  const operations: [string, () => Promise<unknown>][] = [
    [conclave, () => counter.increment()],
    [bare, () => incrementBare(floor, `bench/bare/counter-${callers}`)],
  ];
  return opened(lab, callers, operations, async () => {
    await ours.close();
    await floor.close();
  });
}

async function openSequence(lab: Lab): Promise<Opened> {
  const { url } = await lab.server('etcd no-fsync');
  const [ours, floor] = [await connect(url), bareStore(url)];
  const [single, block] = [ours.sequence('bench-1'), ours.sequence('bench-100', { block: 100 })];
  const operations: [string, () => Promise<unknown>][] = [
    [conclave, () => single.next()],
    [blocks, () => block.next()],
    [bare, () => incrementBare(floor, 'bench/bare/sequence')],
  ];
  return opened(lab, 64, operations, async () => {
    await ours.close();
    await floor.close();
  });
}

async function opened(
  lab: Lab,
  callers: number,
  operations: readonly [string, () => Promise<unknown>][],
  close: () => Promise<void>,
): Promise<Opened> {
  await warmUp(
    callers,
    operations.map(([, operation]) => operation),
  );
  const measure = (operation: () => Promise<unknown>): Measure => {
    return () => rateOf(callers, lab.scale.sampleMs, operation);
  };
  return { subjects: new Map(operations.map(([name, operation]) => [name, measure(operation)])), close };
}

async function openSeveral(lab: Lab): Promise<Opened> {
  const { url } = await lab.server('etcd no-fsync');
  const file = fileURLToPath(new URL('../client/counter-worker.js', import.meta.url));
  const workers = Array.from({ length: 4 }, () => new WorkerProcess<CounterJob>(file));
  const all = async (how: Counting, durationMs: number): Promise<Sample> => {
    const job = { how, url, callers: 16, durationMs };
    const results = await Promise.all(workers.map((worker) => worker.run<CounterResult>(job)));
    const value = results.reduce((sum, { perSecond }) => sum + perSecond, 0);
    const cpu = results.reduce((sum, { cpuMicros }) => sum + cpuMicros, 0) / results.length;
    return { value, details: { 'client CPU µs': cpu } };
  };
  for (const how of [conclave, bare] as const) await all(how, lab.scale.warmUpMs);
  const subjects = new Map(([conclave, bare] as const).map((how) => [how, () => all(how, lab.scale.sampleMs)]));
  const close = async () => {
    for (const worker of workers) worker.close();
  };
  return { subjects, close };
}
