import { type Bytes, sameBytes } from '../core/bytes.js';
import type { Compare, RequestOp, ResponseHeader, TxnResponse } from '../store/messages.js';
import { createdAt, get, rangeAt, rangesFrom, valueIs } from '../store/ops.js';
import type { Store } from '../store/store.js';
import type { Place, Stem } from './place.js';
import { type Agreement, noneIn, type Rule } from './rule.js';
import { look, type Seen } from './sight.js';

/** Where a place stands right after it was made, or was found to have been made. */
export interface Entry {
  readonly key: Bytes;
  readonly createRevision: bigint;
  readonly seen: Seen;
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

/**
 * Takes a place at the end of the line and sees who stands before it, in one round trip. Safe to send again when the
 * answer was lost: the key holds a nonce, so the second run finds what the first one made (etcd #14890). The first
 * place of all in a line with an agreement costs another round trip.
 * @throws the agreement's mismatch.
 */
export async function enter(store: Store, rule: Rule, place: NewPlace): Promise<Entry> {
  const { agreement } = rule;
  const reads = rule.reads({ whole: false });
  // Bounded: each round more means that another call has made the agreement meanwhile, or dissolved it.
  for (let agreed = true; ; agreed = !agreed) {
    const txn = await store.txn({
      compare: [notMade(place), ...termsOf(agreement, agreed)],
      success: [...(agreed ? [] : putsOf(agreement)), putPlace(place), ...reads],
      failure: [made(place), ...readsOf(agreement)],
    });
    if (txn.succeeded) return entered(store, rule, place, txn, reads.length);
    const own = rangeAt(txn, 0).kvs[0];
    if (own !== undefined || agreement === undefined) return found(store, rule, place, own, txn.header);
    assertAgreed(agreement, txn);
  }
}

/**
 * Takes a place only if it is certain to have its turn at once: one round trip, and nothing is written when somebody
 * is in the way. Undefined: somebody is. What is no place, or would let it in beside, fails the same compares; then
 * the place is taken as by `enter`, and the caller gives it back if it has to wait.
 */
export async function enterIfFree(store: Store, rule: Rule, place: NewPlace): Promise<Entry | undefined> {
  const { agreement } = rule;
  const agreements = readsOf(agreement);
  const txn = await store.txn({
    compare: [notMade(place), ...termsOf(agreement, true), ...rule.free],
    success: [putPlace(place)],
    failure: [made(place), ...agreements, ...rule.reads({ whole: false })],
  });
  const { header } = txn;
  if (txn.succeeded) {
    const { key } = place;
    return { key, createRevision: header.revision, seen: { verdict: { type: 'admitted' }, header }, header };
  }
  const own = rangeAt(txn, 0).kvs[0];
  if (own !== undefined) return found(store, rule, place, own, header);
  if (agreement !== undefined) assertAgreed(agreement, txn);
  const verdict = rule.admit(rangesFrom(txn, 1 + agreements.length), undefined);
  if (verdict !== undefined && verdict.type !== 'admitted') return undefined;
  return enter(store, rule, place);
}

/** The txn has made the place, and its last `reads` answers tell who stands before it. */
async function entered(store: Store, rule: Rule, place: NewPlace, txn: TxnResponse, reads: number): Promise<Entry> {
  const { header } = txn;
  const { key, stem } = place;
  const createRevision = header.revision;
  const verdict = rule.admit(rangesFrom(txn, txn.responses.length - reads), createRevision);
  const seen = verdict === undefined ? await look(store, rule, { key, createRevision, stem }) : { verdict, header };
  return { key, createRevision, seen, header };
}

/** An earlier run made the place, though its answer was lost; or, for a key that the caller named, another call. */
async function found(
  store: Store,
  rule: Rule,
  { key: wanted, stem }: NewPlace,
  own: Place | undefined,
  header: ResponseHeader,
): Promise<Entry> {
  const { key, createRevision } = own ?? { key: wanted, createRevision: 0n };
  return { key, createRevision, seen: await look(store, rule, { key, createRevision, stem }), header, found: own };
}

function made({ key, stem }: NewPlace): RequestOp {
  return stem === undefined ? get(key) : get(stem.key, stem);
}

function notMade({ key, stem }: NewPlace): Compare {
  return stem === undefined ? createdAt(key, 0n) : noneIn(stem);
}

function putPlace({ key, value, lease }: NewPlace): RequestOp {
  return { type: 'put', request: { key, value, lease } };
}

/** What must hold of the agreement: `agreed` that it is the same, else that there is none yet. */
export function termsOf(agreement: Agreement | undefined, agreed: boolean): Compare[] {
  if (agreement === undefined) return [];
  return [agreed ? valueIs(agreement.key, agreement.value) : createdAt(agreement.key, 0n)];
}

function putsOf(agreement: Agreement | undefined): RequestOp[] {
  return agreement === undefined ? [] : [{ type: 'put', request: { key: agreement.key, value: agreement.value } }];
}

function readsOf(agreement: Agreement | undefined): RequestOp[] {
  return agreement === undefined ? [] : [get(agreement.key)];
}

/** The agreement may be none yet. `txn` has read it behind the place. */
function assertAgreed(agreement: Agreement, txn: TxnResponse): void {
  const there = rangeAt(txn, 1).kvs[0];
  if (there !== undefined && !sameBytes(there.value, agreement.value)) throw agreement.mismatch(there.value);
}
