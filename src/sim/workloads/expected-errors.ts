import { ConclaveError } from '../../core/errors.js';
import type { SimProcess } from '../sim-process.js';

/** What a caller aborts with. */
export function gaveUp(): Error {
  return new GaveUp('gave up');
}

/** The signal of a caller that gives up after `ms` milliseconds; null: of one that never does, who has none. */
export function givesUpAfter(process: SimProcess, ms: number | null): { signal?: AbortSignal; stopTimer: () => void } {
  if (ms === null) return { stopTimer: () => {} };
  const aborts = new AbortController();
  return { signal: aborts.signal, stopTimer: process.setTimer(ms, () => aborts.abort(gaveUp())) };
}

class GaveUp extends Error {}

/** Throws `error` again unless it is something that a call over a bad network may end with. */
export function expectFailure(error: unknown): void {
  if (error instanceof GaveUp) return;
  if (ConclaveError.is(error, 'TIMEOUT', 'UNAVAILABLE', 'SESSION_LOST', 'LOST', 'CLOSED', 'CONFLICT', 'RELEASED'))
    return;
  throw error;
}
