import type { Bytes } from '../core/bytes.js';
import { createdAt } from '../store/ops.js';
import { admitAlone } from './admit.js';
import { below, deletionOf, eldersIn, newestIn, noneIn, type Rule } from './rule.js';

/**
 * A place that shares with nobody: a lock, a write lock, a candidate. It waits for all who came before it. `tellsNext`:
 * whether values are ours, so that what they say of the head counts.
 */
export function exclusive(prefix: Bytes, tellsNext = false): Rule {
  const line = below(prefix);
  const gone = (key: Bytes) => (tellsNext ? { ...deletionOf(key), prevKv: true } : deletionOf(key));
  return {
    kind: 'exclusive',
    prefix,
    stands: prefix,
    free: [noneIn(line)],
    passesOn: false,
    tellsNext,
    reads: (extent) => [newestIn(line, extent)],
    admit: ([page], createRevision) => {
      if (page === undefined) return undefined;
      const elders = eldersIn(page, prefix, createRevision);
      // The page may hold nothing but keys of nested names.
      return elders.length === 0 && page.more ? undefined : admitAlone(elders);
    },
    // Older places only go: who was the newest of them still is, as long as it is there.
    stillWaits: (wait) => (wait.type === 'wait' ? createdAt(wait.behind.key, wait.behind.createRevision) : undefined),
    bells: (wait, own) => (wait.type === 'wait' ? [gone(wait.behind.key), deletionOf(own)] : [deletionOf(own)]),
  };
}
