/** A point where the etcd at hand and this engine (which follows 3.5 and later, protocol.md) rightly differ. */
export interface KnownDifference {
  readonly what: string;
  readonly why: string;
  /** Versions of etcd that differ. */
  readonly in: (version: string) => boolean;
  /** How the sequences stay clear of it. */
  readonly avoided: string;
}

export const knownDifferences = {
  tombstoneAtCompaction: {
    what: 'a watch from exactly the compacted revision is not told the deletions of that revision',
    why: 'fixed in 3.5.16 (#19249): compaction keeps a tombstone whose revision is the compacted one',
    in: (version) => before(version, 3, 5, 16),
    avoided: 'no watch starts at the compacted revision',
  },
  unknownSort: {
    what: 'an unknown sort_target ends the server, an unknown sort_order is ignored',
    why: 'fixed in 3.6 (#13554): `invalid sort option`',
    in: (version) => before(version, 3, 6, 0),
    avoided: 'only known enums are generated; kv.test.ts has the others',
  },
  unknownCompare: {
    what: 'a compare with an unknown result holds',
    why: 'ours refuses it: a guard that cannot be understood must not pass',
    in: () => true,
    avoided: 'only known enums are generated; txn.test.ts has the others',
  },
  foreignOperand: {
    what: 'a compare whose operand is not the one its target names never holds',
    why: 'since 3.5 the operand counts as zero',
    in: (version) => before(version, 3, 5, 0),
    avoided: 'each compare carries the operand of its target; txn.test.ts has the others',
  },
  minTtl: {
    what: 'a TTL of 1 is raised to 2',
    why: 'etcd: 1.5 election timeouts; ours is configurable, 1 by default',
    in: () => true,
    avoided: 'leases of the sequences are long; lease.test.ts has the short ones',
  },
  negativeWatchId: {
    what: 'watch ids below 0 are taken',
    why: 'ours refuses them: -1 marks answers that belong to no watch',
    in: () => true,
    avoided: 'a Store draws its ids itself; watch-stream.test.ts has the others',
  },
} as const satisfies Record<string, KnownDifference>;

function before(version: string, ...bound: readonly [number, number, number]): boolean {
  const parts = version.split('.').map(Number);
  for (const [i, each] of bound.entries()) {
    const part = parts[i] ?? 0;
    if (part !== each) return part < each;
  }
  return false;
}
