import type { ConclaveError } from '../core/errors.js';
import { errorOfStatus, Status } from '../store/etcd-errors.js';

/** What a call fails with when its connection broke, or could not be made. */
export function connectionLost(): ConclaveError {
  return errorOfStatus(Status.unavailable, 'sim: the connection was reset');
}
