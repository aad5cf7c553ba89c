import { noBytes } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { etcdError } from '../store/etcd-errors.js';
import { type WatchCreateRequest, WatchFilter } from '../store/messages.js';
import { isEmptyRange, type KeyRange, keyRange } from './key-range.js';

/** Texts of refused watches, as `cancel_reason` carries them (protocol.md section 2). */
export const watchTexts = {
  emptyRange: 'mvcc: watcher range is empty',
  duplicateId: 'mvcc: duplicate watch ID provided on the WatchStream',
  /** Ours: etcd takes ids below 0, among them the -1 that marks answers which belong to no watch. */
  negativeId: 'mvcc: negative watch ID provided on the WatchStream',
} as const;

/** What of a create request the hub needs. */
export type WatchTarget = Pick<WatchCreateRequest, 'key' | 'rangeEnd' | 'startRevision' | 'filters' | 'prevKv'>;

/** The keys to watch; throws for a request that etcd refuses. An empty key is the first of all keys. */
export function watchRange({ key, rangeEnd = noBytes, startRevision = 0n }: WatchTarget): KeyRange {
  if (startRevision < 0n) throw etcdError('compacted');
  const range = keyRange(key.length === 0 ? firstKey() : key, rangeEnd);
  if (isEmptyRange(range)) throw new ConclaveError('INVALID_ARGUMENT', watchTexts.emptyRange);
  return range;
}

/** Which kinds of change to tell; filters that nobody knows are ignored, as by etcd. */
export function wantedKinds({ filters = [] }: WatchTarget): { readonly puts: boolean; readonly deletes: boolean } {
  return { puts: !filters.includes(WatchFilter.noPut), deletes: !filters.includes(WatchFilter.noDelete) };
}

function firstKey(): Uint8Array {
  return new Uint8Array(1);
}
