import { type Bytes, prefixEnd } from '../core/bytes.js';
import { type RangeRequest, type RequestOp, type ResponseHeader, SortOrder, SortTarget } from '../store/messages.js';
import { createdAt, rangeAt } from '../store/ops.js';
import type { Store } from '../store/store.js';
import type { Sight } from './admit.js';
import { isPlace, type Place } from './place.js';

/** A sight with the header of the read that gave it. */
export interface Seen extends Sight {
  readonly header: ResponseHeader;
}

/** Enough to see the predecessor past a few keys that are no places; more are read only when these are not enough. */
const pageSize = 4n;

/**
 * Reads, at one revision, whether the place `key` still has the create revision it was given and who stands before
 * it: one round trip for both, so that nobody is admitted whose own key has gone (DESIGN.md section 3, rule 5).
 */
export async function look(store: Store, prefix: Bytes, key: Bytes, createRevision: bigint): Promise<Seen> {
  const elders = eldersOf(prefix, createRevision, pageSize);
  const txn = await store.txn({ compare: [createdAt(key, createRevision)], success: [elders], failure: [] });
  const { header } = txn;
  if (!txn.succeeded) return { exists: false, elders: [], header };
  const page = rangeAt(txn, 0);
  const places = page.kvs.filter((kv) => isPlace(prefix, kv));
  if (places.length > 0 || !page.more) return { exists: true, elders: places, header };
  return lookPast(store, prefix, key, createRevision);
}

/** The page held nothing but keys of nested names: read them all. */
async function lookPast(store: Store, prefix: Bytes, key: Bytes, createRevision: bigint): Promise<Seen> {
  const elders = eldersOf(prefix, createRevision, 0n);
  const txn = await store.txn({ compare: [createdAt(key, createRevision)], success: [elders], failure: [] });
  const { header } = txn;
  if (!txn.succeeded) return { exists: false, elders: [], header };
  return { exists: true, elders: rangeAt(txn, 0).kvs.filter((kv) => isPlace(prefix, kv)), header };
}

/** All places of a line in order, the holder first. */
export async function placesOf(
  store: Store,
  prefix: Bytes,
  call: { signal?: AbortSignal | undefined } = {},
): Promise<Place[]> {
  const all = await store.range(inOrder(prefix), call);
  return all.kvs.filter((kv) => isPlace(prefix, kv));
}

/** The first place of a line, undefined when nobody stands in it. */
export async function firstPlace(store: Store, prefix: Bytes, signal?: AbortSignal): Promise<Place | undefined> {
  return (await seeFirst(store, prefix, signal)).first;
}

/** The same, with the header of the read. */
export async function seeFirst(
  store: Store,
  prefix: Bytes,
  signal?: AbortSignal,
): Promise<{ readonly first: Place | undefined; readonly header: ResponseHeader }> {
  const page = await store.range({ ...inOrder(prefix), limit: pageSize }, { signal });
  const first = page.kvs.find((kv) => isPlace(prefix, kv));
  if (first !== undefined || !page.more) return { first, header: page.header };
  const all = await store.range(inOrder(prefix), { signal });
  return { first: all.kvs.find((kv) => isPlace(prefix, kv)), header: all.header };
}

/** Keys below `prefix` created before `createRevision`, the newest first. Linearizable. */
export function eldersOf(prefix: Bytes, createRevision: bigint, limit: bigint): RequestOp {
  return {
    type: 'range',
    request: {
      key: prefix,
      rangeEnd: prefixEnd(prefix),
      sortOrder: SortOrder.descend,
      sortTarget: SortTarget.create,
      maxCreateRevision: createRevision - 1n,
      limit,
    },
  };
}

function inOrder(prefix: Bytes): RangeRequest {
  return {
    key: prefix,
    rangeEnd: prefixEnd(prefix),
    sortOrder: SortOrder.ascend,
    sortTarget: SortTarget.create,
  };
}
