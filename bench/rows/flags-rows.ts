import { fileURLToPath } from 'node:url';
import { FlagdCore } from '@openfeature/flagd-core';
import { connect } from '../../src/connect/connect.js';
import { FlagEvaluator } from '../../src/openfeature/index.js';
import { put } from '../../src/store/ops.js';
import { bareStore } from '../client/bare-txns.js';
import { contextAt, evaluationRate, flagFile, madeAnew } from '../client/flag-file.js';
import {
  bareKeys,
  changedFlag,
  type FlagsJob,
  type HoldFlagsResult,
  namespace,
  type SeeResult,
  type Watched,
} from '../client/flags-job.js';
import { latencyOf } from '../client/loops.js';
import { monotonicMs } from '../client/sightings.js';
import type { Lab } from '../lab.js';
import type { Opened, Row, Sample } from '../row.js';
import { WorkerProcess } from '../worker-process.js';

const flagCount = 10_000;
const conclave = 'conclave';
const flagd = 'flagd-core';
const bare = 'put to bare watch';
const etcd3 = 'put to watch of npm etcd3';

/** Ten thousand flags. */
export const flagsRows: readonly Row[] = [
  {
    id: 'flags/evaluate',
    title: '10,000 flags, plain ones and with rules: evaluations of one process',
    unit: 'evaluations/s',
    better: 'more',
    comparisons: [{ of: conclave, to: flagd, aim: 1 / 1.1 }],
    open: openEvaluate,
  },
  {
    id: 'flags/change',
    title: 'one of 10,000 flags changes: from the put to its new value, CPU of the process that puts and evaluates',
    unit: 'CPU µs/change',
    better: 'less',
    fullOnly: true,
    comparisons: [{ of: conclave, to: flagd, aim: 10 }],
    bounds: [{ of: conclave, detail: 'flags made anew', atMost: 1 }],
    open: openChange,
  },
  {
    id: 'flags/memory',
    title: '10,000 flags that have been evaluated: memory of each',
    unit: 'B/flag',
    better: 'less',
    fullOnly: true,
    rounds: 3,
    comparisons: [{ of: conclave, to: flagd }],
    open: openMemory,
  },
  {
    ...fanOut(false, 1 / 1.2),
    id: 'flags/fan-out',
    fullOnly: true,
    title: '100 processes with 10,000 flags: from the put until every one evaluates the new value, p50',
  },
  {
    ...fanOut(true, undefined),
    id: 'flags/openfeature-fan-out',
    fullOnly: true,
    title: 'the same through the client of OpenFeature, whose own work is in it',
  },
];

function fanOut(openFeature: boolean, aim: number | undefined): Omit<Row, 'id' | 'title'> {
  return {
    unit: 'ms',
    better: 'less',
    because:
      'on few cores the processes wait for one another, and each computes more than a bare watch: ' +
      'it reads, checks, compares and keeps the flag, tells what has changed and evaluates it',
    comparisons: [bare, etcd3].flatMap((to) => [
      { of: conclave, to, aim },
      { of: conclave, to, detail: 'p99 ms', aim },
    ]),
    open: (lab) => openFanOut(lab, openFeature),
  };
}

async function openEvaluate(lab: Lab): Promise<Opened> {
  const ours = await connect('memory:');
  await ours.flags.import(flagFile(flagCount));
  const flags = ours.flags.watch();
  await flags.ready();
  const evaluator = new FlagEvaluator(flags);
  const theirs = wholeFile();
  const evaluations = {
    [conclave]: (name: string, i: number) => evaluator.resolve('string', name, '', contextAt(i)),
    [flagd]: (name: string, i: number) => theirs.resolveStringEvaluation(name, '', contextAt(i)),
  };
  for (const evaluate of Object.values(evaluations)) evaluationRate(flagCount, lab.scale.warmUpMs, evaluate);
  const subjects = Object.entries(evaluations).map(
    ([name, evaluate]) =>
      [name, async () => ({ value: evaluationRate(flagCount, lab.scale.sampleMs, evaluate) })] as const,
  );
  return { subjects: new Map(subjects), close: () => ours.close() };
}

async function openChange(lab: Lab): Promise<Opened> {
  const changes = lab.scale.quick ? 20 : 100;
  const ours = await connect('memory:');
  await ours.flags.import(flagFile(flagCount));
  const flags = ours.flags.watch();
  await flags.ready();
  const evaluator = new FlagEvaluator(flags);
  flags.events.on('change', ({ flagsChanged }) => evaluator.changed(flagsChanged));
  const theirs = wholeFile();
  let n = 0;
  const next = () => {
    n += 1;
    return flagSaying(`${n}`);
  };
  const expectValue = (value: unknown) => {
    if (value !== `${n}`) throw new Error(`change ${n} is evaluated to ${value}`);
  };
  const change = async () => {
    const heard = new Promise((resolve) => flags.events.once('change', resolve));
    await ours.put(`flags/${changedFlag}`, JSON.stringify(next()));
    await heard;
    expectValue(evaluator.resolve<string>('string', changedFlag, '', {}).value);
  };
  const file = flagFile(flagCount);
  const changeWhole = async () => {
    theirs.setConfigurations(JSON.stringify({ ...file, flags: { ...file.flags, [changedFlag]: next() } }));
    expectValue(theirs.resolveStringEvaluation(changedFlag, '', {}).value);
  };
  const ourSample = async () => {
    const before = new Map(flags.flags);
    const sample = await cpuOf(changes, change);
    return { ...sample, details: { 'flags made anew': madeAnew(before, flags.flags) } };
  };
  await cpuOf(changes, change);
  const subjects = new Map([
    [conclave, ourSample],
    [flagd, () => cpuOf(changes / 10, changeWhole)],
  ]);
  return { subjects, close: () => ours.close() };
}

async function cpuOf(count: number, change: () => Promise<void>): Promise<Sample> {
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) await change();
  const { user, system } = process.cpuUsage(before);
  return { value: (user + system) / count };
}

function wholeFile(): FlagdCore {
  const core = new FlagdCore(undefined, undefined, { disableDynamicCodeGeneration: true });
  core.setConfigurations(JSON.stringify(flagFile(flagCount)));
  return core;
}

function flagSaying(value: string) {
  return { state: 'ENABLED', variants: { on: value }, defaultVariant: 'on' } as const;
}

async function openMemory(lab: Lab): Promise<Opened> {
  const { url } = await lab.server('etcd no-fsync');
  await fill(url);
  const weigh = async (how: 'conclave' | 'flagd-core'): Promise<Sample> => {
    const worker = new WorkerProcess<FlagsJob>(workerFile(), ['--expose-gc']);
    try {
      const job = { type: 'hold', how, url, count: flagCount } as const;
      return { value: (await worker.run<HoldFlagsResult>(job)).bytesPerFlag };
    } finally {
      worker.close();
    }
  };
  const subjects = new Map([
    [conclave, () => weigh('conclave')],
    [flagd, () => weigh('flagd-core')],
  ]);
  return { subjects, close: async () => {} };
}

async function openFanOut(lab: Lab, openFeature: boolean): Promise<Opened> {
  const { url } = await lab.server('etcd no-fsync');
  await fill(url);
  const processes = lab.scale.quick ? 5 : 100;
  const puts = lab.scale.quick ? 50 : 100;
  const writer = bareStore(url);
  const workers = Array.from({ length: processes }, () => new WorkerProcess<FlagsJob>(workerFile()));
  for (const worker of workers) await worker.run({ type: 'join', url, openFeature });
  let n = 0;
  const untilAllSee = async (what: Watched): Promise<number> => {
    n += 1;
    const request =
      what === 'flag'
        ? put(`${namespace}flags/${changedFlag}`, JSON.stringify(flagSaying(`${n}`)))
        : put(bareKeys[what], `${n}`);
    const startedAtMs = monotonicMs();
    await writer.txn({ success: [request] });
    const seen = workers.map((worker) => worker.run<SeeResult>({ type: 'see', what, value: `${n}` }));
    return Math.max(...(await Promise.all(seen)).map(({ atMs }) => atMs)) - startedAtMs;
  };
  const times = (what: Watched) => latencyOf(puts, () => untilAllSee(what));
  // Code is compiled while it runs, in every one of them.
  for (const what of ['flag', 'bare key', 'bare key of etcd3'] as const) await times(what);
  const subjects = new Map([
    [conclave, () => times('flag')],
    [bare, () => times('bare key')],
    [etcd3, () => times('bare key of etcd3')],
  ]);
  const close = async () => {
    for (const worker of workers) worker.close();
    await writer.close();
  };
  return { subjects, close };
}

async function fill(url: string): Promise<void> {
  await using conclave = await connect(url, { namespace });
  await conclave.flags.import(flagFile(flagCount));
}

function workerFile(): string {
  return fileURLToPath(new URL('../client/flags-worker.js', import.meta.url));
}
