import { ConclaveError } from '../../core/errors.js';

/** What a caller aborts with. */
export function gaveUp(): Error {
  return new GaveUp('gave up');
}

class GaveUp extends Error {}

/** Throws `error` again unless it is something that a call over a bad network may end with. */
export function expectFailure(error: unknown): void {
  if (error instanceof GaveUp) return;
  if (ConclaveError.is(error, 'TIMEOUT', 'UNAVAILABLE', 'SESSION_LOST', 'LOST', 'CLOSED', 'CONFLICT', 'RELEASED'))
    return;
  throw error;
}
