import type { Bytes } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { createdAt, get, put, rangeAt, type Text } from '../store/ops.js';
import type { Session, SessionContext } from './session.js';

/**
 * Makes a key whose name has a nonce, on the session's lease; resolves to the revision of its last change. Safe to run
 * twice: what is guarded by that revision afterwards works once at most, however late a request for it is applied.
 */
export async function makeOwnKey(
  { store }: SessionContext,
  { leaseId }: Session,
  key: Bytes | string,
  value: Text,
): Promise<bigint> {
  const txn = await store.txn({
    compare: [createdAt(key, 0n)],
    success: [put(key, value, { leaseId })],
    failure: [get(key)],
  });
  return txn.succeeded ? txn.header.revision : (rangeAt(txn, 0).kvs[0]?.modRevision ?? 0n);
}

/** Runs `work`, which hangs keys on the session's lease; if the store has no such lease the session is over. */
export async function onLease<T>(session: Session, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!ConclaveError.is(error, 'LEASE_NOT_FOUND')) throw error;
    session.leaseGone();
    throw session.signal.reason;
  }
}
