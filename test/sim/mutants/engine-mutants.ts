import type { Mutant } from './mutant.js';

/** What the engine itself can get wrong, for which the store's own log is no witness. */
export const engineMutants: readonly Mutant[] = [
  {
    name: 'the end of a lease that leaves the last of its keys',
    origin: 'protocol.md section 3: all keys of a lease go in one revision',
    edits: [
      {
        file: 'engine/engine.js',
        find: '[...lease.keys].sort())',
        replace: '[...lease.keys].sort().slice(0, Math.max(1, lease.keys.size - 1)))',
      },
    ],
    workloads: ['kv'],
    rules: ['lease-not-early: together'],
  },
  {
    name: 'the end of a lease that leaves its only key, and so has no revision',
    origin: 'the same: nothing is deleted that could be looked at',
    edits: [
      {
        file: 'engine/engine.js',
        find: '[...lease.keys].sort())',
        replace: '[...lease.keys].sort().slice(lease.keys.size === 1 ? 1 : 0))',
      },
    ],
    workloads: ['kv'],
    rules: ['lease-not-early: together'],
  },
];
