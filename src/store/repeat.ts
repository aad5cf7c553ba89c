import { type AnySignal, pause } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import { isOverfull } from './etcd-errors.js';

const firstPauseMs = 50;
const lastPauseMs = 1000;

/**
 * Runs `attempt`, which must be safe to run twice, until the store has answered it. Bounded by `signal`; every caller
 * passes one that ends with its session. Other errors are the answer. `doubt` is called for each try that was not
 * answered. A store that is full may have done it all the same (`errorOfStatus`), and is asked once more.
 */
export async function untilAnswered<T>(
  runtime: Runtime,
  signal: AnySignal,
  attempt: () => Promise<T>,
  doubt?: () => void,
): Promise<T> {
  let wasFull = false;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, lastPauseMs)) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (!unanswered(error)) throw error;
      doubt?.();
      const isFull = isOverfull(error);
      if (isFull && wasFull) throw error;
      wasFull ||= isFull;
    }
    await pause(runtime, pauseMs, signal);
  }
}

/** Whether the store may have done it, or could not be asked at all. */
export function unanswered(error: unknown): boolean {
  return ConclaveError.is(error) && (error.outcome === 'unknown' || error.retryable);
}
