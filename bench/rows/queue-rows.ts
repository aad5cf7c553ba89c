import { fileURLToPath } from 'node:url';
import type { Conclave } from '../../src/conclave.js';
import { connect } from '../../src/connect/connect.js';
import { bareStore } from '../client/bare-txns.js';
import { latencyOf, rateOf, warmUp } from '../client/loops.js';
import { benchQueue, consumeSome, fill, type QueueDone, type QueueWork } from '../client/queue-work.js';
import type { Lab } from '../lab.js';
import type { Measure, Opened, Row, Sample } from '../row.js';
import { WorkerProcess } from '../worker-process.js';
import { roundTrip } from './hand-over-rows.js';

const [memory, etcd, processes] = ['memory:', 'etcd no-fsync', 'etcd, 8 processes'] as const;
const counts = [1, 8, 64];
const lengths = [100, 1_000, 10_000, 100_000];
const workerCount = 8;
/** A consumer makes its watch and looks once more: two round trips. */
const idleMs = 8;
const bare = 'bare txn round trip';

/** A work queue: what goes in and what is done in a second, and whether its length matters. */
export const queueRows: readonly Row[] = [
  ...counts.map(
    (callers): Row => ({
      id: `queue/enqueue-${callers}`,
      title: `enqueue one job, ${callers} ${callers === 1 ? 'caller' : 'callers'} of one process`,
      unit: 'jobs/s',
      better: 'more',
      comparisons: [{ of: memory, to: etcd }],
      open: (lab) => openEnqueue(lab, callers),
    }),
  ),
  ...counts.map(
    (consumers): Row => ({
      id: `queue/complete-${consumers}`,
      title: `claim and acknowledge, ${consumers} ${consumers === 1 ? 'consumer' : 'consumers'}`,
      unit: 'jobs/s',
      better: 'more',
      fullOnly: consumers > 1,
      comparisons: consumers === 1 ? [{ of: memory, to: etcd }] : [{ of: processes, to: etcd }],
      open: (lab) => openComplete(lab, consumers),
    }),
  ),
  {
    id: 'queue/claim-latency',
    title: 'from enqueue() to the handler of an idle consumer, p50',
    unit: 'ms',
    better: 'less',
    comparisons: [{ of: etcd, to: bare, aim: 1 / 4 }],
    because: 'the job’s own commit, the event and the commit of the claim come one after the other',
    open: openLatency,
  },
  ...lengths.map(
    (waiting): Row => ({
      id: `queue/waiting-${waiting}`,
      title: `enqueue, claim and acknowledge one job while ${waiting} wait, p50`,
      unit: 'ms',
      better: 'less',
      fullOnly: waiting !== 10_000,
      comparisons: [{ of: memory, to: etcd }],
      point: { chart: 'queue-waiting', x: waiting, xLabel: 'jobs that wait' },
      open: (lab) => openWaiting(lab, waiting),
    }),
  ),
];

/** A queue of its own for each measurement, and nothing of it left behind. */
async function inQueue<T>(conclave: Conclave, work: (name: string) => Promise<T>): Promise<T> {
  const name = `bench-${Math.random()}`;
  try {
    return await work(name);
  } finally {
    await conclave.delete(`queues/${name}/`, { prefix: true });
  }
}

async function openEnqueue(lab: Lab, callers: number): Promise<Opened> {
  const opened = await connections(lab);
  const runIn = (conclave: Conclave, name: string) => {
    const queue = benchQueue(conclave, name);
    return (_caller: number, n?: number) => queue.enqueue(n ?? 0);
  };
  await warmUp(
    callers,
    [...opened.values()].map((conclave) => runIn(conclave, 'bench-warm')),
  );
  const measure = (conclave: Conclave) => (): Promise<Sample> =>
    inQueue(conclave, (name) => rateOf(callers, lab.scale.sampleMs, runIn(conclave, name)));
  return subjectsOf(opened, measure);
}

async function openComplete(lab: Lab, consumers: number): Promise<Opened> {
  const opened = await connections(lab);
  const jobs = (lab.scale.quick ? 25 : 250) * (consumers + 16);
  const work = { consumers, jobs };
  const measure = (conclave: Conclave, consume: (work: QueueWork) => Promise<readonly QueueDone[]>) => () =>
    inQueue(conclave, async (name): Promise<Sample> => {
      // Some more than are done: the last consumers look for work, too.
      await fill(benchQueue(conclave, name), jobs + 2 * consumers);
      return rateOfAll(await consume({ ...work, name }));
    });
  const alone = (conclave: Conclave) => measure(conclave, async (each) => [await consumeSome(conclave, each)]);
  const { subjects, close } = subjectsOf(opened, alone);
  const onEtcd = opened.get(etcd);
  if (consumers < workerCount || onEtcd === undefined) return { subjects, close };
  const { url } = await lab.server(etcd);
  const file = fileURLToPath(new URL('../client/queue-worker.js', import.meta.url));
  const workers = Array.from(
    { length: workerCount },
    () => new WorkerProcess<QueueWork & { readonly url: string }>(file),
  );
  const share = { consumers: consumers / workerCount, jobs: jobs / workerCount };
  const spread = measure(onEtcd, (each) =>
    Promise.all(workers.map((worker) => worker.run<QueueDone>({ ...each, ...share, url }))),
  );
  return {
    subjects: new Map([...subjects, [processes, spread]]),
    close: async () => {
      for (const worker of workers) worker.close();
      await close();
    },
  };
}

function rateOfAll(done: readonly QueueDone[]): Sample {
  const jobs = done.reduce((sum, each) => sum + each.jobs, 0);
  const seconds = Math.max(...done.map((each) => each.seconds));
  const cpuUs = done.reduce((sum, each) => sum + each.cpuUs, 0);
  return { value: jobs / seconds, details: { 'client CPU µs': cpuUs / jobs } };
}

/** One at a time; the consumer stands in the idle line again by the time of the next. */
async function openLatency(lab: Lab): Promise<Opened> {
  const opened = await connections(lab);
  const { url } = await lab.server(etcd);
  const floor = bareStore(url);
  const count = lab.scale.quick ? 50 : 300;
  const measure = (conclave: Conclave) => (): Promise<Sample> =>
    inQueue(conclave, async (name) => {
      const queue = benchQueue(conclave, name);
      const stop = new AbortController();
      let begun = () => {};
      const consuming = queue.consume(() => begun(), { signal: stop.signal }).catch(() => {});
      const sample = await latencyOf(count, async (n) => {
        await new Promise((resolve) => setTimeout(resolve, idleMs));
        const startedAtMs = performance.now();
        const handled = new Promise<void>((resolve) => {
          begun = resolve;
        });
        await queue.enqueue(n);
        await handled;
        return performance.now() - startedAtMs;
      });
      stop.abort();
      await consuming;
      return sample;
    });
  const { subjects, close } = subjectsOf(opened, measure);
  return {
    subjects: new Map([...subjects, [bare, () => roundTrip(floor, count)]]),
    close: async () => {
      await floor.close();
      await close();
    },
  };
}

async function openWaiting(lab: Lab, waiting: number): Promise<Opened> {
  const opened = await connections(lab);
  const names = new Map<Conclave, string>();
  for (const conclave of opened.values()) {
    const name = `bench-${Math.random()}`;
    names.set(conclave, name);
    await fill(benchQueue(conclave, name), waiting);
  }
  const count = lab.scale.quick ? 100 : 400;
  const measure = (conclave: Conclave) => async (): Promise<Sample> => {
    const queue = benchQueue(conclave, names.get(conclave) as string);
    await using consumer = await queue.consumer();
    const oneMore = async (n: number) => {
      await queue.enqueue(n);
      await (await consumer.take()).ack();
      return undefined;
    };
    // Before the consumer is closed.
    return await latencyOf(count, oneMore);
  };
  const { subjects, close } = subjectsOf(opened, measure);
  return {
    subjects,
    close: async () => {
      for (const [conclave, name] of names) await conclave.delete(`queues/${name}/`, { prefix: true });
      await close();
    },
  };
}

/** By subject: the store inside this process, and etcd. */
async function connections(lab: Lab): Promise<ReadonlyMap<string, Conclave>> {
  const { url } = await lab.server(etcd);
  return new Map([
    [memory, await connect('memory:')],
    [etcd, await connect(url)],
  ]);
}

function subjectsOf(opened: ReadonlyMap<string, Conclave>, measure: (conclave: Conclave) => Measure): Opened {
  return {
    subjects: new Map([...opened].map(([name, conclave]) => [name, measure(conclave)])),
    close: async () => {
      for (const conclave of opened.values()) await conclave.close();
    },
  };
}
