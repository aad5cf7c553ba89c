import { pause } from '../core/abort.js';
import type { Bytes } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { Session, SessionContext } from '../lease/session.js';
import { type Compare, CompareResult, CompareTarget } from '../store/messages.js';
import { createdAt, remove } from '../store/ops.js';
import { unanswered, untilAnswered } from '../store/repeat.js';

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
 * Takes away the place of an acquisition that failed. `entered` is the request that was to make it: it is waited for, since a
 * delete that overtakes it would leave a waiter that nobody knows of and that becomes a holder nobody releases (Curator #600,
 * kazoo #732). Never rejects; goes on until the store has answered or the session ends, whatever the caller's timeout was.
 */
export async function sweep(
  context: SessionContext,
  session: Session,
  key: Bytes,
  entered: Promise<unknown>,
): Promise<void> {
  // A refusal is an answer too: whatever refused this request refuses an earlier one that is still under way.
  const answered = await entered.then(
    () => true,
    (error: unknown) => ConclaveError.is(error) && !unanswered(error),
  );
  await removeIfThere(context, session, key);
  if (!answered) void sweepLate(context, session, key);
}

async function sweepLate(context: SessionContext, session: Session, key: Bytes): Promise<void> {
  for (let i = 0; i < lateSweeps && !session.signal.aborted; i++) {
    await pause(context.runtime, session.ttlMs / 3, session.signal).catch(() => {});
    await removeIfThere(context, session, key);
  }
}

/** The nonce in `key` makes it nobody else's, so that it can go whatever its create revision is. */
async function removeIfThere({ store, runtime }: SessionContext, session: Session, key: Bytes): Promise<void> {
  const txn = { compare: [exists(key)], success: [remove(key)] };
  try {
    await untilAnswered(runtime, session.signal, () => store.txn(txn));
  } catch (error) {
    // The session is over: the key goes with its lease. Or the store refuses: then it refused to make the place, too.
    if (!ConclaveError.is(error)) throw error;
  }
}

function exists(key: Bytes): Compare {
  return { key, target: CompareTarget.create, result: CompareResult.greater, createRevision: 0n };
}
