import type { Lab } from '../lab.js';
import type { Measure, Opened, Row, Sample } from '../row.js';
import { type Memory, memoryOf } from '../servers/process-facts.js';
import type { ServerKind } from '../servers/recipes.js';
import type { ServerProcess } from '../servers/server-process.js';

const putsPerTxn = 50;
/** So that every revision is of a key that has others. */
const keysOfRevisions = 100_000;

/** Start, start again, and what a store weighs. */
export const serverLifeRows: readonly Row[] = [
  {
    id: 'server/start-up',
    because: 'half of the time Node itself takes to start, before a line of ours',
    title: 'from the start of the process on an empty directory to the first answer',
    unit: 'ms',
    better: 'less',
    comparisons: [
      { of: 'ours', to: 'etcd', aim: 3 },
      { of: 'ours memory', to: 'etcd no-fsync', aim: 3 },
    ],
    open: (lab) => openEach(['ours', 'etcd', 'ours memory', 'etcd no-fsync'], (kind) => () => startUp(lab, kind)),
  },
  {
    id: 'server/reopen',
    title: 'start again on a directory with 1,000,000 revisions to the first answer',
    unit: 'ms',
    better: 'less',
    fullOnly: true,
    rounds: 3,
    comparisons: [{ of: 'ours', to: 'etcd', aim: 0.5 }],
    open: openReopen,
  },
  {
    id: 'server/memory',
    title: 'memory that a process gains per key of 40 B with a value of 100 B, at 1,000,000 keys (--quick: 20,000)',
    unit: 'B/key',
    better: 'less',
    rounds: 1,
    comparisons: [
      { of: 'ours', to: 'etcd', aim: 1 },
      { of: 'ours memory', to: 'etcd', aim: 1 },
    ],
    open: (lab) => openEach(['ours', 'ours memory', 'etcd'], (kind) => () => memoryPerKey(lab, kind)),
  },
];

async function openEach(kinds: readonly ServerKind[], measureOf: (kind: ServerKind) => Measure): Promise<Opened> {
  return { subjects: new Map(kinds.map((kind) => [kind, measureOf(kind)])), close: async () => {} };
}

async function startUp(lab: Lab, kind: ServerKind): Promise<Sample> {
  const server = await lab.freshServer(kind);
  try {
    return { value: await server.start() };
  } finally {
    await server.close();
  }
}

/** Filled once without syncing, which leaves the same files. */
async function openReopen(lab: Lab): Promise<Opened> {
  const servers: ServerProcess[] = [];
  const subjects = new Map<string, Measure>();
  for (const kind of ['ours', 'etcd'] as const) {
    const server = await lab.freshServer(kind);
    servers.push(server);
    await server.start();
    await lab.generator.run({
      type: 'fill',
      port: server.port,
      txns: lab.scale.revisions,
      putsPerTxn: 1,
      keys: keysOfRevisions,
    });
    subjects.set(kind, async () => {
      await server.end();
      return { value: await server.start(), details: megabytes(memoryOf(server.pid)) };
    });
  }
  const close = async () => {
    for (const server of servers) await server.close();
  };
  return { subjects, close };
}

async function memoryPerKey(lab: Lab, kind: ServerKind): Promise<Sample> {
  const server = await lab.freshServer(kind);
  try {
    await server.start();
    const before = memoryOf(server.pid);
    const { keys } = lab.scale;
    await lab.generator.run({ type: 'fill', port: server.port, txns: keys / putsPerTxn, putsPerTxn });
    const after = memoryOf(server.pid);
    return { value: (after.residentBytes - before.residentBytes) / keys, details: megabytes(after) };
  } finally {
    await server.close();
  }
}

function megabytes({ residentBytes, anonymousBytes }: Memory): Record<string, number> {
  return { 'resident MB': residentBytes / 1e6, 'of it anonymous MB': anonymousBytes / 1e6 };
}
