import { pause } from '../core/abort.js';
import type { Bytes } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { Session, SessionContext } from '../lease/session.js';
import { type Compare, CompareResult, CompareTarget } from '../store/messages.js';
import { createdAt, remove } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';

/** A request of unknown fate may be applied late: that many looks, a third of a TTL apart, see that nothing stays. */
const lateSweeps = 30;

/**
 * Deletes the place `key` if it is still the one created at `createRevision`: a repeated release can never take away a
 * later place (etcd #22082). Resolves when the store has answered, or the session is over and the lease takes the key.
 */
export async function leave(
  { store, runtime }: SessionContext,
  session: Session,
  key: Bytes,
  createRevision: bigint,
): Promise<void> {
  const txn = { compare: [createdAt(key, createRevision)], success: [remove(key)] };
  try {
    await untilAnswered(runtime, session.signal, () => store.txn(txn));
  } catch (error) {
    if (!session.signal.aborted) throw error;
  }
}

/**
 * Takes away the place of an acquisition that failed. `entered` is the request that was to make it: it is waited for,
 * since a delete that overtakes it would leave a waiter that nobody knows of and that becomes a holder nobody
 * releases (Curator #600, kazoo #732). Never rejects; goes on until the store has answered or the session ends,
 * whatever the caller's timeout was.
 */
export async function sweep(
  context: SessionContext,
  session: Session,
  key: Bytes,
  entered: Promise<unknown>,
): Promise<void> {
  await entered.catch(() => {});
  await removeUnless(context, session, key, 0n);
}

/**
 * Looks for a place `key` that a request of unknown fate makes after all: after a later try of the same acquisition was
 * answered, it would be nobody's. The place of that later try, created at `kept`, stays; 0n: none does.
 */
export async function sweepLate(context: SessionContext, session: Session, key: Bytes, kept: bigint): Promise<void> {
  for (let i = 0; i < lateSweeps && !session.signal.aborted; i++) {
    await pause(context.runtime, session.ttlMs / 3, session.signal).catch(() => {});
    await removeUnless(context, session, key, kept);
  }
}

/** The nonce in `key` makes it nobody else's, so that it can go whatever its create revision is, except `kept`. */
async function removeUnless(
  { store, runtime }: SessionContext,
  session: Session,
  key: Bytes,
  kept: bigint,
): Promise<void> {
  const txn = { compare: [exists(key), isNot(key, kept)], success: [remove(key)] };
  try {
    await untilAnswered(runtime, session.signal, () => store.txn(txn));
  } catch (error) {
    // The session is over: the key goes with its lease. Or the store refuses: then it refused to make the place, too.
    if (!ConclaveError.is(error)) throw error;
  }
}

function exists(key: Bytes): Compare {
  return isNot(key, 0n);
}

function isNot(key: Bytes, createRevision: bigint): Compare {
  return { key, target: CompareTarget.create, result: CompareResult.notEqual, createRevision };
}
