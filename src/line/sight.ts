import { type Bytes, prefixEnd } from '../core/bytes.js';
import { type RangeRequest, type ResponseHeader, SortOrder, SortTarget } from '../store/messages.js';
import { createdAt, get, rangeAt, rangesFrom } from '../store/ops.js';
import type { Store } from '../store/store.js';
import type { Verdict, Wait } from './admit.js';
import { isPlace, type Place, type Stem } from './place.js';
import type { Rule } from './rule.js';

/** A verdict with the header of the read that it comes from. */
export interface Seen {
  readonly verdict: Verdict;
  readonly header: ResponseHeader;
}

/** A place that somebody stands on. */
export interface Standing {
  readonly key: Bytes;
  readonly createRevision: bigint;
  /** Where else it can be if it has been moved; undefined: it never is. */
  readonly stem?: Stem | undefined;
}

/**
 * Reads, at one revision, whether the place still has the create revision it was given and whether it has its turn,
 * else where it has gone: one round trip for all, so that nobody is admitted whose own key has gone (DESIGN.md section
 * 3, rule 5).
 */
export async function look(store: Store, rule: Rule, standing: Standing, whole = false): Promise<Seen> {
  const { key, createRevision, stem } = standing;
  const txn = await store.txn({
    compare: [createdAt(key, createRevision)],
    success: rule.reads({ before: createRevision, whole }),
    failure: stem === undefined ? [] : [get(stem.key, stem)],
  });
  const { header } = txn;
  if (!txn.succeeded) return { verdict: goneOrMoved(stem === undefined ? undefined : rangeAt(txn, 0).kvs[0]), header };
  const verdict = rule.admit(rangesFrom(txn, 0), createRevision);
  return verdict === undefined ? look(store, rule, standing, true) : { verdict, header };
}

/**
 * The same for a place that was told to wait: if it and what it waits for are as they were, so is the verdict, and the
 * line is not read. etcd reads all of a line for its newest keys: ten thousand who look every few seconds would keep it
 * busy with nothing else.
 */
export async function lookAgain(store: Store, rule: Rule, standing: Standing, wait: Wait): Promise<Seen> {
  const still = rule.stillWaits(wait);
  if (still === undefined) return look(store, rule, standing);
  const { key, createRevision, stem } = standing;
  const txn = await store.txn({
    compare: [createdAt(key, createRevision), still],
    failure: [get(stem?.key ?? key, stem), ...rule.reads({ before: createRevision, whole: false })],
  });
  const { header } = txn;
  if (txn.succeeded) return { verdict: wait, header };
  const own = rangeAt(txn, 0).kvs[0];
  if (own?.createRevision !== createRevision) return { verdict: goneOrMoved(stem && own), header };
  const verdict = rule.admit(rangesFrom(txn, 1), createRevision);
  return verdict === undefined ? look(store, rule, standing, true) : { verdict, header };
}

function goneOrMoved(to: Place | undefined): Verdict {
  return to === undefined ? { type: 'gone' } : { type: 'moved', to };
}

/** Enough to see the first place past a few keys that are none; more are read only when these are not enough. */
const pageSize = 4n;

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

function inOrder(prefix: Bytes): RangeRequest {
  return {
    key: prefix,
    rangeEnd: prefixEnd(prefix),
    sortOrder: SortOrder.ascend,
    sortTarget: SortTarget.create,
  };
}
