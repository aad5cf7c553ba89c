import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Conclave } from '../../src/conclave.js';
import { connect } from '../../src/connect/connect.js';
import type { ConnectOptions } from '../../src/connect/options.js';
import { createdAt, put } from '../../src/store/ops.js';
import { rateOf, warmUp } from '../client/loops.js';
import type { Lab } from '../lab.js';
import type { Measure, Opened, Row } from '../row.js';

type Operation = 'put' | 'txn' | 'get' | 'lock';

const value = 'v'.repeat(100);
const runs: Record<Operation, (conclave: Conclave, key: string) => Promise<unknown>> = {
  put: (conclave, key) => conclave.put(key, value),
  txn: (conclave, key) => conclave.txn().if(createdAt('bench/never', 0n)).then(put(key, value)).commit(),
  get: (conclave, key) => conclave.get(key),
  lock: async (conclave, key) => (await conclave.lock(key)).release(),
};

const [memory, file, synced, etcd, etcdSynced] = [
  'memory:',
  'file: with fsync: false',
  'file:',
  'etcd no-fsync',
  'etcd',
] as const;

/** An embedded store against etcd on the same machine, through the same client: one caller, and 128. */
export const embeddedRows: readonly Row[] = (['put', 'txn', 'get', 'lock'] as const).flatMap((operation) =>
  [1, 128].map((callers) => ({
    id: `embedded/${operation}-${callers}`,
    title: `${operation}, embedded in the process, ${callers} ${callers === 1 ? 'caller' : 'callers'}`,
    unit: 'calls/s',
    because: becauseOf(operation, callers),
    better: 'more' as const,
    fullOnly: operation === 'txn' || operation === 'get',
    // Gathered calls are what `memory:` has no need of: the aim is for what a call costs alone.
    comparisons: [
      { of: memory, to: etcd, aim: callers === 1 ? 20 : undefined },
      { of: file, to: etcd, aim: callers === 1 ? 20 : undefined },
      { of: synced, to: etcdSynced, aim: callers === 1 ? 20 : undefined },
    ],
    open: (lab: Lab) => open(lab, operation, callers),
  })),
);

function becauseOf(operation: Operation, callers: number): string | undefined {
  if (callers > 1 || operation === 'get') return undefined;
  return 'a file waits for the disk, as in etcd: that alone takes more than a twentieth of etcd’s call';
}

async function open(lab: Lab, operation: Operation, callers: number): Promise<Opened> {
  const dir = await mkdtemp(join(tmpdir(), 'conclave-bench-'));
  const targets: [string, string, ConnectOptions?][] = [
    [memory, 'memory:'],
    [file, `file:${join(dir, 'unsynced')}`, { fsync: false }],
    [synced, `file:${join(dir, 'synced')}`],
    [etcd, (await lab.server('etcd no-fsync')).url],
    [etcdSynced, (await lab.server('etcd')).url],
  ];
  const opened = await Promise.all(
    targets.map(async ([name, ...target]): Promise<[string, Conclave]> => [name, await connect(...target)]),
  );
  const run = (conclave: Conclave) => (caller: number, n?: number) =>
    runs[operation](conclave, `bench/embedded/${caller}/${(n ?? 0) % 100}`);
  await warmUp(
    callers,
    opened.map(([, conclave]) => run(conclave)),
  );
  const measures = opened.map(([name, conclave]): [string, Measure] => {
    return [name, () => rateOf(callers, lab.scale.sampleMs, run(conclave))];
  });
  const close = async () => {
    for (const [, conclave] of opened) await conclave.close();
    await rm(dir, { recursive: true });
  };
  return { subjects: new Map(measures), close };
}
