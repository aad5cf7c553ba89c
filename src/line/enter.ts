import { type Bytes, sameBytes } from '../core/bytes.js';
import type { Compare, RangeResponse, RequestOp, ResponseHeader, TxnResponse } from '../store/messages.js';
import { createdAt, get, rangeAt, rangesFrom, remove, valueIs } from '../store/ops.js';
import type { Store } from '../store/store.js';
import type { Place, Stem } from './place.js';
import { type Agreement, noneIn, type Rule } from './rule.js';
import { look, type Seen, seenIn } from './sight.js';

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
 * A place that is given back by the request that makes another: in between nobody of its owner's stands in the line.
 */
export interface Leaving {
  readonly key: Bytes;
  readonly createRevision: bigint;
  /** Called when it is known to be gone. */
  gone(): void;
}

export interface EnterOptions {
  /**
   * Whether an earlier try was never answered, or was another call's. If not, there is nothing of this place yet, and
   * the request need not look for it: it is shorter, and etcd has less to do. Default: true.
   */
  readonly again?: boolean | undefined;
  readonly instead?: Leaving | undefined;
}

/**
 * Takes a place at the end of the line and sees who stands before it, in one round trip. Safe to send again when the
 * answer was lost: the key holds a nonce, so the second run finds what the first one made (etcd #14890). The first
 * place of all in a line with an agreement costs another round trip. So does one that comes instead of another that was
 * taken away meanwhile, and one whose request somebody on the way has sent twice.
 * @throws the agreement's mismatch.
 */
export function enter(
  store: Store,
  rule: Rule,
  place: NewPlace,
  { again = true, instead }: EnterOptions = {},
): Promise<Entry> {
  if (instead !== undefined) return enterInstead(store, rule, place, instead, again);
  const isNew = !again && rule.agreement === undefined;
  return isNew ? enterNew(store, rule, place) : enterOrFind(store, rule, place);
}

/** For a line without agreement. */
async function enterNew(store: Store, rule: Rule, place: NewPlace): Promise<Entry> {
  const reads = rule.reads({ whole: false });
  const txn = await store.txn({ compare: [notMade(place)], success: [...reads, putPlace(place)] });
  return txn.succeeded ? entered(store, rule, place, txn, reads.length) : enterOrFind(store, rule, place);
}

async function enterOrFind(store: Store, rule: Rule, place: NewPlace): Promise<Entry> {
  const { agreement } = rule;
  const reads = rule.reads({ whole: false });
  // Bounded: each round more means that another call has made the agreement meanwhile, or dissolved it.
  for (let agreed = true; ; agreed = !agreed) {
    const txn = await store.txn({
      compare: [notMade(place), ...termsOf(agreement, agreed)],
      success: [...(agreed ? [] : putsOf(agreement)), ...reads, putPlace(place)],
      failure: [made(place), ...readsOf(agreement)],
    });
    if (txn.succeeded) return entered(store, rule, place, txn, reads.length);
    const own = rangeAt(txn, 0).kvs[0];
    if (own !== undefined || agreement === undefined) return found(store, rule, place, own, txn.header);
    assertAgreed(agreement, rangeAt(txn, 1));
  }
}

/** For a line without agreement. */
async function enterInstead(
  store: Store,
  rule: Rule,
  place: NewPlace,
  instead: Leaving,
  again: boolean,
): Promise<Entry> {
  const { key, createRevision } = instead;
  const reads = rule.reads({ whole: false });
  const txn = await store.txn({
    compare: [notMade(place), createdAt(key, createRevision)],
    success: [remove(key), ...reads, putPlace(place)],
    failure: again ? [made(place)] : [],
  });
  instead.gone();
  if (txn.succeeded) return entered(store, rule, place, txn, reads.length);
  // The other one was gone before; or, the first time, this one is there already.
  const own = again ? rangeAt(txn, 0).kvs[0] : undefined;
  return own === undefined ? enterOrFind(store, rule, place) : found(store, rule, place, own, txn.header);
}

/**
 * Takes a place only if it is certain to have its turn at once: one round trip, and nothing is written when somebody
 * is in the way. Undefined: somebody is. What is no place, or would let it in beside, fails the same compares; then
 * the place is taken as by `enter`, and the caller gives it back if it has to wait.
 */
export async function enterIfFree(store: Store, rule: Rule, place: NewPlace): Promise<Entry | undefined> {
  const { agreement } = rule;
  const txn = await store.txn({
    compare: [notMade(place), ...termsOf(agreement, true), ...rule.free],
    success: [putPlace(place)],
    failure: [made(place), ...busyReads(rule)],
  });
  const { header } = txn;
  if (txn.succeeded) {
    const { key } = place;
    return { key, createRevision: header.revision, seen: { verdict: { type: 'admitted' }, header }, header };
  }
  const own = rangeAt(txn, 0).kvs[0];
  if (own !== undefined) return found(store, rule, place, own, header);
  return isBusy(rule, rangesFrom(txn, 1)) ? undefined : enter(store, rule, place);
}

/** What `isBusy` wants to know. */
export function busyReads(rule: Rule): RequestOp[] {
  return [...readsOf(rule.agreement), ...rule.reads({ whole: false })];
}

/**
 * Whether somebody is certain to be in the way of a place that would come now, by the answers to `busyReads`.
 * @throws the agreement's mismatch.
 */
export function isBusy(rule: Rule, answers: readonly RangeResponse[]): boolean {
  const { agreement } = rule;
  const [agreed] = answers;
  if (agreement !== undefined && agreed !== undefined) assertAgreed(agreement, agreed);
  const verdict = rule.admit(answers.slice(agreement === undefined ? 0 : 1), undefined);
  return verdict !== undefined && verdict.type !== 'admitted';
}

/**
 * The txn has made the place with its last operation, and the `reads` before that tell who stands before it: read
 * behind it, the place itself would be in the answer, and etcd have the more to do.
 */
function entered(store: Store, rule: Rule, place: NewPlace, txn: TxnResponse, reads: number): Entry | Promise<Entry> {
  const { header } = txn;
  const { key, stem } = place;
  const createRevision = header.revision;
  const putAt = txn.responses.length - 1;
  const seen = seenIn(rule, createRevision, rangesFrom(txn, putAt - reads, putAt), header);
  if (seen !== undefined) return { key, createRevision, seen, header };
  const whole = look(store, rule, { key, createRevision, stem }, true);
  return whole.then((all) => ({ key, createRevision, seen: all, header }));
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
  return { type: 'range', request: stem ?? { key } };
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

/** The agreement may be none yet. */
function assertAgreed(agreement: Agreement, { kvs: [there] }: RangeResponse): void {
  if (there !== undefined && !sameBytes(there.value, agreement.value)) throw agreement.mismatch(there.value);
}
