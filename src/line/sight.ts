import { type Bytes, prefixEnd } from '../core/bytes.js';
import {
  type Compare,
  CompareResult,
  CompareTarget,
  type RangeRequest,
  type RangeResponse,
  type ResponseHeader,
  SortOrder,
  SortTarget,
} from '../store/messages.js';
import { createdAt, get, rangeAt, rangesFrom } from '../store/ops.js';
import type { Store } from '../store/store.js';
import type { Verdict, Wait } from './admit.js';
import type { Head } from './head.js';
import { isPlace, type Place, type Stem } from './place.js';
import type { Rule } from './rule.js';

/** A verdict with the header of the read that it comes from. */
export interface Seen {
  readonly verdict: Verdict;
  readonly header: ResponseHeader;
  /** How many keys were seen in the line. Undefined: it was not read. */
  readonly length?: number | undefined;
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
  return seenIn(rule, createRevision, rangesFrom(txn, 0), header) ?? look(store, rule, standing, true);
}

/** What the answers to the rule's reads show; undefined: not enough, a look at the whole does. */
export function seenIn(
  rule: Rule,
  createRevision: bigint,
  pages: readonly RangeResponse[],
  header: ResponseHeader,
): Seen | undefined {
  const verdict = rule.admit(pages, createRevision);
  return verdict && { verdict, header, length: Number(pages[0]?.count ?? 0) };
}

/**
 * The same for a place that was told to wait: if it and what it waits for are as they were, so is the verdict, and the
 * line is not read. etcd reads all of a line for its newest keys: ten thousand who look every few seconds would keep it
 * busy with nothing else.
 */
export async function lookAgain(store: Store, rule: Rule, standing: Standing, wait: Wait): Promise<Seen> {
  const still = rule.stillWaits(wait);
  return still === undefined
    ? look(store, rule, standing)
    : lookUnless(store, rule, standing, still, { verdict: wait });
}

/**
 * The same for a place that has heard that the one before it was the `head` of the line, and went: if its own place is
 * there and that one is not, it has its turn, and the line is not read.
 */
export async function lookAfterHead(
  store: Store,
  rule: Rule,
  standing: Standing,
  head: Head & Pick<Place, 'key' | 'createRevision'>,
): Promise<Seen> {
  const known = { verdict: { type: 'admitted' }, length: head.length - 1 } as const;
  return lookUnless(store, rule, standing, notMadeAt(head), known);
}

/** Holds if the place is gone, even if its key has come again behind it. */
function notMadeAt({ key, createRevision }: Pick<Place, 'key' | 'createRevision'>): Compare {
  return { key, target: CompareTarget.create, result: CompareResult.notEqual, createRevision };
}

/** What is `known` if the place is there and `so` holds, else what a look shows: one round trip. */
async function lookUnless(
  store: Store,
  rule: Rule,
  standing: Standing,
  so: Compare,
  known: Omit<Seen, 'header'>,
): Promise<Seen> {
  const { key, createRevision, stem } = standing;
  const txn = await store.txn({
    compare: [createdAt(key, createRevision), so],
    failure: [get(stem?.key ?? key, stem), ...rule.reads({ before: createRevision, whole: false })],
  });
  const { header } = txn;
  if (txn.succeeded) return { ...known, header };
  const own = rangeAt(txn, 0).kvs[0];
  if (own?.createRevision !== createRevision) return { verdict: goneOrMoved(stem && own), header };
  return seenIn(rule, createRevision, rangesFrom(txn, 1), header) ?? look(store, rule, standing, true);
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
