import { ConclaveError, type Outcome } from '../core/errors.js';

/** A call that the way to `endpoint` has failed, not what stands there. */
export function transportError(endpoint: string, what: string, outcome: Outcome): ConclaveError {
  return new ConclaveError('UNAVAILABLE', `${endpoint}: ${what}`, { outcome });
}

/** There is no connection: nothing was sent. */
export function unreachableError(endpoint: string, why: string, cause?: unknown): ConclaveError {
  return new ConclaveError('UNAVAILABLE', `cannot reach ${endpoint}: ${why}`, { cause });
}

export function closedError(endpoint: string, outcome: Outcome): ConclaveError {
  return transportError(endpoint, 'the channel is closed', outcome);
}
