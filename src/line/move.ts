import { type Bytes, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { SessionContext } from '../lease/session.js';
import type { Compare } from '../store/messages.js';
import { createdAt, modifiedAt, put, remove } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { movedKey, type Place, placeName } from './place.js';

/**
 * Sends somebody's place to the end of the line, on the lease that it has, if `guard` holds and the place has not
 * changed: one txn, so that it always stands exactly once. Its owner finds it by its stem. One place at a time: two
 * that one txn made would have the same create revision, and so be first together.
 *
 * Safe to send again: the second run finds the place gone from where it was.
 * @throws `signal.reason`, or what the store refuses, or `INVALID_ARGUMENT` for a place of Go's or etcdctl's, which
 * nobody would find; a place or lease that is gone by then is no error.
 */
export async function moveToEnd(
  { store, runtime }: SessionContext,
  prefix: Bytes,
  place: Place,
  guard: Compare,
  signal: AbortSignal,
): Promise<void> {
  const { key, value, lease: leaseId } = place;
  const name = placeName(prefix, key);
  if (name === undefined) throw new ConclaveError('INVALID_ARGUMENT', `${utf8Text(key)} has no nonce to be found by`);
  const txn = {
    compare: [guard, createdAt(key, place.createRevision), modifiedAt(key, place.modRevision)],
    success: [remove(key), put(movedKey(prefix, name, place.createRevision), value, { leaseId })],
  };
  try {
    await untilAnswered(runtime, signal, () => store.txn(txn));
  } catch (error) {
    if (!ConclaveError.is(error, 'LEASE_NOT_FOUND')) throw error;
  }
}
