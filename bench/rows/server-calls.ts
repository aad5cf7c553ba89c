import type { Lab } from '../lab.js';
import type { CallKind, Job, JobResult } from '../load/job.js';
import type { Measure, Opened, Row, Sample } from '../row.js';
import { cpuMicrosOf } from '../servers/process-facts.js';
import type { ServerKind } from '../servers/recipes.js';
import type { ServerProcess } from '../servers/server-process.js';
import type { Comparison } from '../verdict.js';

const allKinds: readonly ServerKind[] = ['ours', 'etcd', 'ours no-fsync', 'etcd no-fsync', 'ours memory'];

/** No row below half of etcd, like against like; in memory against the etcd that never syncs. */
export const likeAgainstLike: readonly Comparison[] = [
  { of: 'ours', to: 'etcd', aim: 0.5 },
  { of: 'ours no-fsync', to: 'etcd no-fsync', aim: 0.5 },
  { of: 'ours memory', to: 'etcd no-fsync', aim: 0.5 },
];

const titles: Readonly<Record<CallKind, string>> = {
  put: 'put, 40 B key, 100 B value',
  txn: 'txn: one compare, one put',
  get: 'linearizable get of one key',
};

const oneThread = 'ours is one thread, and etcd has several';
const hops = 'a write and its sync are two trips to another thread and back, and each has to wait for a core';

/** Unary calls in closed loops. */
export function serverCallRows(): Row[] {
  return (['put', 'txn', 'get'] as const).flatMap((call) => [1, 64, 512].map((concurrency) => row(call, concurrency)));
}

function row(call: CallKind, concurrency: number): Row {
  const isAhead = call === 'put' && concurrency >= 64;
  const [first, ...others] = likeAgainstLike as [Comparison, ...Comparison[]];
  return {
    id: `server/${call}-${concurrency}`,
    title: `${titles[call]}, ${concurrency} at a time`,
    unit: 'calls/s',
    because: concurrency === 1 ? hops : oneThread,
    better: 'more',
    comparisons: [isAhead ? { ...first, aim: 1 } : first, ...others],
    // The quick run has all of the puts, and of the gets the middle.
    fullOnly: call === 'txn' || (call === 'get' && concurrency !== 64),
    point: { chart: `server-${call}`, x: concurrency, xLabel: 'calls at a time' },
    open: (lab) =>
      openServers(lab, allKinds, (server) => ({
        type: 'calls',
        port: server.port,
        call,
        concurrency,
        durationMs: lab.scale.sampleMs,
      })),
  };
}

/** What our own HTTP/2 saves. */
export const http2Row: Row = {
  id: 'server/http2',
  title: 'put in memory, 64 at a time: HTTP/2 of our own and Node’s',
  unit: 'calls/s',
  better: 'more',
  fullOnly: true,
  comparisons: [
    { of: 'ours memory', to: 'ours memory, node:http2', detail: 'server CPU µs', aim: 3 },
    { of: 'ours memory', to: 'ours memory, node:http2' },
  ],
  open: (lab) =>
    openServers(lab, ['ours memory', 'ours memory, node:http2'], ({ port }) => {
      return { type: 'calls', port, call: 'put', concurrency: 64, durationMs: lab.scale.sampleMs };
    }),
};

/** One subject per kind of server, each with a run that nobody counts before the first. */
export async function openServers(
  lab: Lab,
  kinds: readonly ServerKind[],
  jobFor: (server: ServerProcess) => Job,
): Promise<Opened> {
  const subjects = new Map<string, Measure>();
  for (const kind of kinds) {
    const server = await lab.server(kind);
    await lab.generator.run({ ...jobFor(server), durationMs: lab.scale.warmUpMs } as Job);
    subjects.set(kind, () => rate(lab, server, jobFor(server)));
  }
  return { subjects, close: async () => {} };
}

async function rate(lab: Lab, server: ServerProcess, job: Job): Promise<Sample> {
  const cpuBefore = cpuMicrosOf(server.pid);
  const result = await lab.generator.run(job);
  return { value: result.count / result.seconds, details: detailsOf(result, cpuMicrosOf(server.pid) - cpuBefore) };
}

function detailsOf(result: JobResult, serverCpuMicros: number): Record<string, number> {
  return {
    'p50 ms': result.p50Ms,
    'p99 ms': result.p99Ms,
    'server CPU µs': serverCpuMicros / result.count,
    'generator CPU µs': result.cpuMicros / result.count,
    'generator busy %': result.cpuMicros / result.seconds / 10_000,
  };
}
