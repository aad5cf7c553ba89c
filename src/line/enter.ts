import { type Bytes, prefixEnd } from '../core/bytes.js';
import {
  type Compare,
  CompareResult,
  CompareTarget,
  type RequestOp,
  type ResponseHeader,
  SortOrder,
  SortTarget,
} from '../store/messages.js';
import { createdAt, rangeAt } from '../store/ops.js';
import type { Store } from '../store/store.js';
import { isPlace, type Place } from './place.js';
import { look, type Seen } from './sight.js';

/** Where a place stands right after it was made, or was found to have been made. */
export interface Entry {
  readonly createRevision: bigint;
  readonly sight: Seen;
  /** Of the txn that made or found it. */
  readonly header: ResponseHeader;
  /** The place as it was found; undefined: this request made it. */
  readonly found?: Place | undefined;
}

export interface NewPlace {
  readonly key: Bytes;
  readonly value: Bytes;
  readonly lease: bigint;
}

/** Own place and the newest elders; a few more for keys of nested names. */
const pageSize = 4n;

/**
 * Takes a place at the end of the line and sees who stands before it, in one round trip. Safe to send again when the
 * answer was lost: the key holds a nonce, so the second run finds what the first one made (etcd #14890).
 */
export async function enter(store: Store, prefix: Bytes, place: NewPlace): Promise<Entry> {
  const txn = await store.txn({
    compare: [createdAt(place.key, 0n)],
    success: [putPlace(place), newestOf(prefix)],
    failure: [{ type: 'range', request: { key: place.key } }],
  });
  if (!txn.succeeded) return found(store, prefix, place.key, rangeAt(txn, 0).kvs[0], txn.header);
  const { header } = txn;
  const createRevision = header.revision;
  const page = rangeAt(txn, 1);
  const elders = page.kvs.filter((kv) => kv.createRevision < createRevision && isPlace(prefix, kv));
  if (elders.length > 0 || !page.more) return { createRevision, sight: { exists: true, elders, header }, header };
  return { createRevision, sight: await look(store, prefix, place.key, createRevision), header };
}

/**
 * Takes a place only if the line is empty: one round trip, and nothing is written when it is not. Undefined: somebody
 * else is there. Keys of nested names fail the same compare; then the place is taken as by `enter`, and the caller
 * gives it back if it is not the first.
 */
export async function enterIfEmpty(store: Store, prefix: Bytes, place: NewPlace): Promise<Entry | undefined> {
  const txn = await store.txn({
    compare: [createdAt(place.key, 0n), nothingBelow(prefix)],
    success: [putPlace(place)],
    failure: [{ type: 'range', request: { key: place.key } }, newestOf(prefix)],
  });
  const { header } = txn;
  if (txn.succeeded) return { createRevision: header.revision, sight: { exists: true, elders: [], header }, header };
  const own = rangeAt(txn, 0).kvs[0];
  if (own !== undefined) return found(store, prefix, place.key, own, header);
  const page = rangeAt(txn, 1);
  if (page.kvs.some((kv) => isPlace(prefix, kv))) return undefined;
  return enter(store, prefix, place);
}

/** An earlier run made the place, though its answer was lost; or, for a key that the caller named, another call. */
async function found(
  store: Store,
  prefix: Bytes,
  key: Bytes,
  own: Place | undefined,
  header: ResponseHeader,
): Promise<Entry> {
  const createRevision = own?.createRevision ?? 0n;
  return { createRevision, sight: await look(store, prefix, key, createRevision), header, found: own };
}

function putPlace({ key, value, lease }: NewPlace): RequestOp {
  return { type: 'put', request: { key, value, lease } };
}

function newestOf(prefix: Bytes): RequestOp {
  return {
    type: 'range',
    request: {
      key: prefix,
      rangeEnd: prefixEnd(prefix),
      sortOrder: SortOrder.descend,
      sortTarget: SortTarget.create,
      limit: pageSize,
    },
  };
}

/** A compare over a range holds if it holds for every key in it, or there is none. */
function nothingBelow(prefix: Bytes): Compare {
  return {
    key: prefix,
    rangeEnd: prefixEnd(prefix),
    target: CompareTarget.create,
    result: CompareResult.equal,
    createRevision: 0n,
  };
}
