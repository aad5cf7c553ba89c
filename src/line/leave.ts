import { type AnySignal, pause } from '../core/abort.js';
import type { Bytes } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { Footing } from '../lease/footing.js';
import type { Nonce } from '../lease/nonces.js';
import type { SessionContext } from '../lease/session.js';
import { type Compare, CompareResult, CompareTarget, type RequestOp, type TxnResponse } from '../store/messages.js';
import { createdAt, remove } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import type { Entry } from './enter.js';
import type { Stem } from './place.js';
import type { Standing } from './sight.js';

/** All keys that a place can have, and the nonce in them. */
export interface NamedByNonce {
  readonly stem: Stem;
  readonly nonce: Nonce;
}

/** A request of unknown fate may be applied late: that many looks, a third of a TTL apart, see that nothing stays. */
const lateSweeps = 30;

/** A place that this process has made, and will take away. */
export interface OwnPlace {
  readonly key: Bytes;
  /** Its create revision: grows with every later holder of the line. */
  readonly fence: bigint;
  /** Undefined: its key is used by nobody else, or was not ours to draw. */
  readonly nonce?: Nonce | undefined;
}

/**
 * Deletes a place if it is still the one created at its fence: a repeated release can never take away a later place
 * (etcd #22082). Resolves when the store has answered, or the session is over and the lease takes the key.
 */
export async function leave(context: SessionContext, footing: Footing, place: OwnPlace): Promise<void> {
  const { key, fence, nonce } = place;
  try {
    await removePlace(context, footing.signal, key, fence);
    nonce?.free();
  } catch (error) {
    if (!footing.signal.aborted) throw error;
  }
}

/** The same for several places: one txn if all are there, else one for each. */
export async function leaveAll(context: SessionContext, footing: Footing, places: readonly OwnPlace[]): Promise<void> {
  const { store, runtime } = context;
  const compare = places.map(({ key, fence }) => createdAt(key, fence));
  const txn = { compare, success: places.map(({ key }) => remove(key)) };
  try {
    const { succeeded } = await untilAnswered(runtime, footing.signal, () => store.txn(txn));
    if (!succeeded) await Promise.all(places.map((place) => leave(context, footing, place)));
    else for (const { nonce } of places) nonce?.free();
  } catch (error) {
    if (!footing.signal.aborted) throw error;
  }
}

/** How long `release()` waits for the store's word. */
const releaseTimeoutMs = 5000;

/**
 * Waits for `leaving` as long as a caller should.
 * @throws ConclaveError `TIMEOUT`, outcome unknown, when the store has not confirmed by then; it goes on behind that.
 */
export function confirmed({ runtime }: SessionContext, name: string, leaving: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const message = `${name}: the store did not confirm the release within ${releaseTimeoutMs} ms`;
    const giveUp = () => reject(new ConclaveError('TIMEOUT', message, { outcome: 'unknown' }));
    const stopTimer = runtime.setTimer(releaseTimeoutMs, giveUp);
    const over = () => {
      stopTimer();
      resolve();
    };
    leaving.then(over, (error: unknown) => {
      stopTimer();
      reject(error);
    });
  });
}

/** Deletes the place `key` if it is still the one created at `createRevision`. */
export function removePlace(
  { store, runtime }: SessionContext,
  signal: AnySignal,
  key: Bytes,
  createRevision: bigint,
): Promise<TxnResponse> {
  const txn = { compare: [createdAt(key, createRevision)], success: [remove(key)] };
  return untilAnswered(runtime, signal, () => store.txn(txn));
}

/**
 * Touches a place whose turn has come after others may have seen it waiting, so that the next one looks. Never rejects;
 * goes on until the store has answered or the session ends: who stands behind sees the place go then.
 */
export async function passOn(
  { store, runtime }: SessionContext,
  { signal }: Footing,
  { key, createRevision }: Standing,
): Promise<void> {
  const touch: RequestOp = { type: 'put', request: { key, ignoreValue: true, ignoreLease: true } };
  const txn = { compare: [createdAt(key, createRevision)], success: [touch] };
  await untilAnswered(runtime, signal, () => store.txn(txn)).catch(() => {});
}

/**
 * Takes away the place of an acquisition that failed, wherever it has been moved to. `entered` is the request that was
 * to make it: it is waited for, since a delete that overtakes it would leave a waiter that nobody knows of and that
 * becomes a holder nobody releases (Curator #600, kazoo #732). Never rejects; goes on until the store has answered or
 * the session ends, whatever the caller's timeout was. `doubtful`: whether a try of the request was never answered.
 */
export async function sweep(
  context: SessionContext,
  footing: Footing,
  place: NamedByNonce,
  entered: Promise<unknown>,
  doubtful: () => boolean,
): Promise<void> {
  await entered.catch(() => {});
  const answered = await removeUnless(context, footing, place.stem, 0n);
  if (doubtful()) void sweepLate(context, footing, place, 0n);
  else if (answered) place.nonce.free();
  else place.nonce.spoil();
}

/**
 * Takes away the place of a failed acquisition whose key others may use, too: whoever stands in the line with the same
 * lease. Only what this acquisition has made goes: what it was told that it made, or, if a request of it was never
 * answered, what was made after the revision `since`. Otherwise as `sweep`.
 */
export async function sweepNamed(
  context: SessionContext,
  footing: Footing,
  { key, since }: { readonly key: Bytes; readonly since: bigint },
  entered: Promise<Entry | undefined>,
  doubtful: () => boolean,
): Promise<void> {
  const entry = await entered.catch(() => undefined);
  const made = entry !== undefined && entry.found === undefined;
  if (made) await removeIf(context, footing, createdAt(key, entry.createRevision));
  else if (doubtful()) await removeIf(context, footing, createdAfter(key, since));
}

/**
 * Looks for a place that a request of unknown fate makes after all: after a later try of the same acquisition was
 * answered, it would be nobody's. The place of that later try, created at `kept`, stays; 0n: none does. Its nonce is
 * never used again.
 */
export async function sweepLate(
  context: SessionContext,
  footing: Footing,
  { stem, nonce }: NamedByNonce,
  kept: bigint,
): Promise<void> {
  nonce.spoil();
  for (let i = 0; i < lateSweeps && !footing.signal.aborted; i++) {
    await pause(context.runtime, footing.ttlMs / 3, footing.signal).catch(() => {});
    await removeUnless(context, footing, stem, kept);
  }
}

/** Nobody else has the stem meanwhile, so that a place can go whatever its create revision is, except `kept`. */
function removeUnless(context: SessionContext, footing: Footing, stem: Stem, kept: bigint): Promise<boolean> {
  return removeIf(context, footing, isNot(stem, kept));
}

/** Deletes what `compare` compares, if it holds; whether the first try was answered. */
async function removeIf({ store, runtime }: SessionContext, footing: Footing, compare: Compare): Promise<boolean> {
  const txn = { compare: [compare], success: [remove(compare.key, compare)] };
  let answered = true;
  const doubt = () => {
    answered = false;
  };
  try {
    await untilAnswered(runtime, footing.signal, () => store.txn(txn), doubt);
    return answered;
  } catch (error) {
    // The lease is over: the key goes with it. Or the store refuses: then it refused to make the place, too.
    if (!ConclaveError.is(error)) throw error;
    return false;
  }
}

/** Holds if `key` exists and was created later than `revision`. */
function createdAfter(key: Bytes, revision: bigint): Compare {
  return { key, target: CompareTarget.create, result: CompareResult.greater, createRevision: revision };
}

/** Holds if nothing of the stem was created at that revision; always, if nothing of it exists. */
function isNot(stem: Stem, createRevision: bigint): Compare {
  return { ...stem, target: CompareTarget.create, result: CompareResult.notEqual, createRevision };
}
