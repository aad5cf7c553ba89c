import { latin1 } from '../core/bytes.js';
import type { KeyEntry } from './journal.js';
import type { Change } from './key-record.js';
import type { WriteTarget } from './kv-write.js';

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

/** What `replayEntry` makes the same store of: leases first, since keys hang on them. */
export function* checkpointOf({ space, leases }: WriteTarget): Generator<KeyEntry> {
  for (const { id, ttlS } of leases.bySoonest()) yield { type: 'leaseGranted', id, ttlS };
  const { compactRevision } = space;
  if (compactRevision >= 0n) yield { type: 'base', revision: compactRevision, kvs: space.all(compactRevision) };
  const first = compactRevision > 1n ? compactRevision : 2n;
  for (let revision = first; revision <= space.revision; revision++) {
    const changes = space.changesOf(revision);
    if (changes !== undefined) yield { type: 'changes', changes, endedLease: undefined };
  }
}

/** Takes the key of a change from the lease it hung on to the one it hangs on now, if there are such leases. */
function moveLease({ space, leases }: WriteTarget, { text, kv }: Change): void {
  if (leases.size === 0) return;
  const previous = space.get(text);
  if (previous !== undefined) leases.detach(previous.lease, text);
  leases.attach(kv.lease, text);
}
