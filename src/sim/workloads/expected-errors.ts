import { ConclaveError } from '../../core/errors.js';
import { isOverfull } from '../../store/etcd-errors.js';
import type { Pending } from '../history.js';
import type { SimProcess } from '../sim-process.js';

/** What a caller aborts with. */
export function gaveUp(): Error {
  return new GaveUp('gave up');
}

/** Runs `work` with the signal of a caller that gives up after `ms` milliseconds; null: of one that never does. */
export async function untilGivesUp<T>(
  process: SimProcess,
  ms: number | null,
  work: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  if (ms === null) return work(undefined);
  const aborts = new AbortController();
  const stopTimer = process.setTimer(ms, () => aborts.abort(gaveUp()));
  try {
    return await work(aborts.signal);
  } finally {
    stopTimer();
  }
}

class GaveUp extends Error {}

/** Throws `error` again unless it is something that a call over a bad network may end with. */
export function expectFailure(error: unknown): void {
  if (error instanceof GaveUp) return;
  if (ConclaveError.is(error, 'TIMEOUT', 'UNAVAILABLE', 'SESSION_LOST', 'LOST', 'CLOSED', 'CONFLICT', 'RELEASED'))
    return;
  if (isOverfull(error)) return;
  throw error;
}

/** Writes down what `work` came to; undefined if it failed, as calls over a bad network may. */
export async function told<T>(pending: Pending<T>, work: () => Promise<T>): Promise<T | undefined> {
  try {
    const output = await work();
    pending.ok(output);
    return output;
  } catch (error) {
    pending.threw(error);
    expectFailure(error);
    return undefined;
  }
}
