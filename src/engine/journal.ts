import type { AuthEntry } from '../store/auth-journal.js';
import type { KeyValue } from '../store/messages.js';
import type { Alarm } from './alarm-set.js';
import type { Revision } from './key-record.js';

/**
 * What the engine did, in order: the effect, not the request, so that replaying needs no clock and no chance.
 * Heartbeats are not among it: whoever restarts the engine grants every lease its full TTL again, as etcd does.
 */
export type KeyEntry =
  /**
   * What a compacted store begins with: every key as of the compacted revision. Only at the head of a checkpoint; may
   * come in portions, which all name the revision.
   */
  | { readonly type: 'base'; readonly revision: bigint; readonly kvs: readonly KeyValue[] }
  /** One revision; `endedLease` is the lease whose end deleted the keys. */
  | { readonly type: 'changes'; readonly changes: Revision; readonly endedLease: bigint | undefined }
  | { readonly type: 'leaseGranted'; readonly id: bigint; readonly ttlS: bigint }
  /** A lease that had no keys. */
  | { readonly type: 'leaseEnded'; readonly id: bigint }
  | { readonly type: 'compacted'; readonly revision: bigint };

/** What a host did: its engine, and what it keeps besides. */
export type JournalEntry =
  | KeyEntry
  /** Users, roles, or whether they are asked for. Of passwords only hashes. */
  | { readonly type: 'auth'; readonly entry: AuthEntry }
  /** All alarms that are raised since then. */
  | { readonly type: 'alarms'; readonly raised: readonly Alarm[] };
