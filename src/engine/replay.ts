import { latin1 } from '../core/bytes.js';
import type { KeyEntry } from './journal.js';
import type { Change, Revision } from './key-record.js';
import type { WriteTarget } from './kv-write.js';
import type { Lease } from './lease-table.js';

/** Does again what `entry` tells, and keeps none of its bytes. Nothing is checked: an engine wrote the journal. */
export function replayEntry(target: WriteTarget, entry: KeyEntry, nowMs: number): void {
  const { space, leases } = target;
  switch (entry.type) {
    case 'base':
      space.load(entry.revision, entry.kvs);
      for (const { key, lease } of entry.kvs) leases.attach(lease, latin1(key));
      break;
    case 'changes':
      for (const change of entry.changes.changes) moveLease(target, change);
      space.replay(entry.changes);
      if (entry.endedLease !== undefined) leases.delete(entry.endedLease);
      break;
    case 'leaseGranted':
      leases.grant(entry.id, entry.ttlS, nowMs);
      break;
    case 'leaseEnded':
      leases.delete(entry.id);
      break;
    case 'compacted':
      space.compact(entry.revision);
      break;
  }
}

/**
 * What `replayEntry` makes the same store of, as it is now, whatever happens later: to be taken in pieces while others
 * are served. Leases come first, since keys hang on them.
 */
export function checkpointOf({ space, leases }: WriteTarget): Iterable<KeyEntry> {
  const { compactRevision: revision } = space;
  const base = revision >= 0n ? ({ type: 'base', revision, kvs: space.all(revision) } as const) : undefined;
  return entriesOf(leases.bySoonest(), base, space.history());
}

function* entriesOf(
  leases: readonly Lease[],
  base: KeyEntry | undefined,
  history: Iterable<Revision>,
): Generator<KeyEntry> {
  for (const { id, ttlS } of leases) yield { type: 'leaseGranted', id, ttlS };
  if (base !== undefined) yield base;
  for (const changes of history) yield { type: 'changes', changes, endedLease: undefined };
}

/** Takes the key of a change from the lease it hung on to the one it hangs on now, if there are such leases. */
function moveLease({ space, leases }: WriteTarget, { text, kv }: Change): void {
  if (leases.size === 0) return;
  const previous = space.get(text);
  if (previous !== undefined) leases.detach(previous.lease, text);
  leases.attach(kv.lease, text);
}
