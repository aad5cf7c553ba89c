import { fileURLToPath } from 'node:url';
import { bareStore } from '../client/bare-txns.js';
import { latencyOf } from '../client/loops.js';
import { fillFleets, instanceCount, putInstance } from '../client/registry-fleet.js';
import type { CpuResult, Discoverer, DiscoverResult, RegistryJob, SeeResult } from '../client/registry-job.js';
import { monotonicMs } from '../client/sightings.js';
import type { Lab } from '../lab.js';
import type { Measure, Opened, Row, Sample } from '../row.js';
import { WorkerProcess } from '../worker-process.js';

const conclave = 'conclave';
const etcd3 = 'npm etcd3';

/** Ten thousand instances in one service. */
export const registryRows: readonly Row[] = [
  {
    id: 'registry/ready',
    title: '10,000 instances in one service: a fresh process, connected, from `discover()` to `ready()`',
    unit: 'ms',
    better: 'less',
    comparisons: [
      { of: conclave, to: etcd3, aim: 1 },
      { of: conclave, to: etcd3, detail: 'CPU ms' },
    ],
    open: (lab) => openOnce(lab, ({ readyMs, cpuMs }) => ({ value: readyMs, details: { 'CPU ms': cpuMs } })),
  },
  {
    id: 'registry/memory',
    title: '10,000 instances in one service: memory of a discoverer for each',
    unit: 'B/instance',
    better: 'less',
    fullOnly: true,
    rounds: 3,
    comparisons: [{ of: conclave, to: etcd3, aim: 1 }],
    open: (lab) => openOnce(lab, ({ bytesPerInstance }) => ({ value: bytesPerInstance })),
  },
  {
    id: 'registry/fan-out',
    title: '100 processes with 10,000 instances: from a change of one until the lists of all have it, p50',
    unit: 'ms',
    better: 'less',
    fullOnly: true,
    comparisons: [
      { of: conclave, to: etcd3, aim: 1 },
      { of: conclave, to: etcd3, detail: 'p99 ms', aim: 1 },
      { of: conclave, to: etcd3, detail: 'discoverer CPU µs' },
    ],
    open: openFanOut,
  },
];

async function openOnce(lab: Lab, sampleOf: (result: DiscoverResult) => Sample): Promise<Opened> {
  const { url } = await lab.server('etcd no-fsync');
  await fill(url);
  const measure = (how: Discoverer): Measure => {
    return async () => {
      const worker = new WorkerProcess<RegistryJob>(workerFile(), ['--expose-gc']);
      try {
        return sampleOf(await worker.run<DiscoverResult>({ type: 'discover', how, url }));
      } finally {
        worker.close();
      }
    };
  };
  const subjects = new Map([conclave, etcd3].map((how) => [how, measure(how as Discoverer)]));
  return { subjects, close: async () => {} };
}

async function openFanOut(lab: Lab): Promise<Opened> {
  const { url } = await lab.server('etcd no-fsync');
  const leaseId = await fill(url);
  const processes = lab.scale.quick ? 5 : 100;
  const puts = lab.scale.quick ? 20 : 50;
  const writer = bareStore(url);
  const workers = Array.from({ length: processes }, () => new WorkerProcess<RegistryJob>(workerFile()));
  for (const worker of workers) await worker.run({ type: 'join', url });
  let n = 0;
  const untilAllSee = async (how: Discoverer): Promise<number> => {
    n += 1;
    const startedAtMs = monotonicMs();
    await writer.txn({ success: [putInstance(how, (n * 997) % instanceCount, `${n}`, leaseId)] });
    const seen = workers.map((worker) => worker.run<SeeResult>({ type: 'see', how, note: `${n}` }));
    return Math.max(...(await Promise.all(seen)).map(({ atMs }) => atMs)) - startedAtMs;
  };
  const cpuMs = async () => {
    const used = await Promise.all(workers.map((worker) => worker.run<CpuResult>({ type: 'cpu' })));
    return used.reduce((sum, each) => sum + each.cpuMs, 0);
  };
  const measure = async (how: Discoverer): Promise<Sample> => {
    const before = await cpuMs();
    const sample = await latencyOf(puts, () => untilAllSee(how));
    const cpuMicros = (((await cpuMs()) - before) * 1_000) / (puts * processes);
    return { ...sample, details: { ...sample.details, 'discoverer CPU µs': cpuMicros } };
  };
  // Code is compiled while it runs, in every one of them.
  for (const how of [conclave, etcd3] as const) await measure(how);
  const subjects = new Map([conclave, etcd3].map((how) => [how, () => measure(how as Discoverer)]));
  const close = async () => {
    for (const worker of workers) worker.close();
    await writer.close();
  };
  return { subjects, close };
}

async function fill(url: string): Promise<bigint> {
  const store = bareStore(url);
  try {
    return await fillFleets(store);
  } finally {
    await store.close();
  }
}

function workerFile(): string {
  return fileURLToPath(new URL('../client/registry-worker.js', import.meta.url));
}
