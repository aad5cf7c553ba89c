import { type Bytes, prefixEnd } from '../core/bytes.js';
import { type RangeRequest, type RequestOp, type ResponseHeader, SortOrder, SortTarget } from '../store/messages.js';
import { createdAt, get, rangeAt } from '../store/ops.js';
import type { Store } from '../store/store.js';
import type { Sight } from './admit.js';
import { isPlace, type Place, type Stem } from './place.js';

/** A sight with the header of the read that gave it. */
export interface Seen extends Sight {
  readonly header: ResponseHeader;
}

/** A place that somebody stands on. */
export interface Standing {
  readonly key: Bytes;
  readonly createRevision: bigint;
  /** Where else it can be if it has been moved; undefined: it never is. */
  readonly stem?: Stem | undefined;
}

/** Enough to see the predecessor past a few keys that are no places; more are read only when these are not enough. */
const pageSize = 4n;

/**
 * Reads, at one revision, whether the place still has the create revision it was given, else where it has gone, and
 * who stands before it: one round trip for all, so that nobody is admitted whose own key has gone (DESIGN.md section 3,
 * rule 5).
 */
export async function look(store: Store, prefix: Bytes, standing: Standing): Promise<Seen> {
  const seen = await lookAt(store, prefix, standing, pageSize);
  // The page held nothing but keys of nested names: read them all.
  return seen.exists && seen.elders.length === 0 && seen.more ? lookAt(store, prefix, standing, 0n) : seen;
}

async function lookAt(
  store: Store,
  prefix: Bytes,
  { key, createRevision, stem }: Standing,
  limit: bigint,
): Promise<Seen & { readonly more: boolean }> {
  const txn = await store.txn({
    compare: [createdAt(key, createRevision)],
    success: [eldersOf(prefix, createRevision, limit)],
    failure: stem === undefined ? [] : [get(stem.key, stem)],
  });
  const { header } = txn;
  if (!txn.succeeded) {
    const movedTo = stem === undefined ? undefined : rangeAt(txn, 0).kvs[0];
    return { exists: false, elders: [], movedTo, header, more: false };
  }
  const { kvs, more } = rangeAt(txn, 0);
  return { exists: true, elders: kvs.filter((kv) => isPlace(prefix, kv)), header, more };
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
