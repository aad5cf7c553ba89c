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
import { createdAt, get, rangeAt } from '../store/ops.js';
import type { Store } from '../store/store.js';
import { isPlace, type Place, type Stem } from './place.js';
import { look, type Seen } from './sight.js';

/** Where a place stands right after it was made, or was found to have been made. */
export interface Entry {
  readonly key: Bytes;
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
  /** Where else the place can be, when it was made by an earlier try and has been moved; undefined: it never is. */
  readonly stem?: Stem | undefined;
}

/** Own place and the newest elders; a few more for keys of nested names. */
const pageSize = 4n;

/**
 * Takes a place at the end of the line and sees who stands before it, in one round trip. Safe to send again when the
 * answer was lost: the key holds a nonce, so the second run finds what the first one made (etcd #14890).
 */
export async function enter(store: Store, prefix: Bytes, place: NewPlace): Promise<Entry> {
  const { key, stem } = place;
  const txn = await store.txn({
    compare: [notMade(place)],
    success: [putPlace(place), newestOf(prefix)],
    failure: [made(place)],
  });
  if (!txn.succeeded) return found(store, prefix, place, rangeAt(txn, 0).kvs[0], txn.header);
  const { header } = txn;
  const createRevision = header.revision;
  const page = rangeAt(txn, 1);
  const elders = page.kvs.filter((kv) => kv.createRevision < createRevision && isPlace(prefix, kv));
  if (elders.length > 0 || !page.more) return { key, createRevision, sight: { exists: true, elders, header }, header };
  return { key, createRevision, sight: await look(store, prefix, { key, createRevision, stem }), header };
}

/**
 * Takes a place only if the line is empty: one round trip, and nothing is written when it is not. Undefined: somebody
 * else is there. Keys of nested names fail the same compare; then the place is taken as by `enter`, and the caller
 * gives it back if it is not the first.
 */
export async function enterIfEmpty(store: Store, prefix: Bytes, place: NewPlace): Promise<Entry | undefined> {
  const txn = await store.txn({
    compare: [noneIn(prefix, prefixEnd(prefix))],
    success: [putPlace(place)],
    failure: [made(place), newestOf(prefix)],
  });
  const { header } = txn;
  if (txn.succeeded) {
    return { key: place.key, createRevision: header.revision, sight: { exists: true, elders: [], header }, header };
  }
  const own = rangeAt(txn, 0).kvs[0];
  if (own !== undefined) return found(store, prefix, place, own, header);
  const page = rangeAt(txn, 1);
  if (page.kvs.some((kv) => isPlace(prefix, kv))) return undefined;
  return enter(store, prefix, place);
}

/** An earlier run made the place, though its answer was lost; or, for a key that the caller named, another call. */
async function found(
  store: Store,
  prefix: Bytes,
  { key: wanted, stem }: NewPlace,
  own: Place | undefined,
  header: ResponseHeader,
): Promise<Entry> {
  const { key, createRevision } = own ?? { key: wanted, createRevision: 0n };
  return { key, createRevision, sight: await look(store, prefix, { key, createRevision, stem }), header, found: own };
}

function made({ key, stem }: NewPlace): RequestOp {
  return stem === undefined ? get(key) : get(stem.key, stem);
}

function notMade({ key, stem }: NewPlace): Compare {
  return stem === undefined ? createdAt(key, 0n) : noneIn(stem.key, stem.rangeEnd);
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
function noneIn(key: Bytes, rangeEnd: Bytes): Compare {
  return {
    key,
    rangeEnd,
    target: CompareTarget.create,
    result: CompareResult.equal,
    createRevision: 0n,
  };
}
