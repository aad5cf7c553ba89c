import { type AnySignal, abortable, pause } from '../core/abort.js';
import { ConclaveError, undecided } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';

const firstPauseMs = 50;
const lastPauseMs = 1000;

/**
 * Runs `attempt`, which must be safe to run twice, until the store has answered it. Bounded by `signal`; every caller
 * passes one that ends with its session. Other errors are the answer. `doubt` is called for each try that was not
 * answered. What was too much for the store may be done all the same (`errorOfStatus`): it is asked once more. A
 * connection that is closed before the next try says nothing of the last one.
 */
export async function untilAnswered<T>(
  runtime: Runtime,
  signal: AnySignal,
  attempt: () => Promise<T>,
  doubt?: () => void,
): Promise<T> {
  let [isDoubtful, wasTooMuch] = [false, false];
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, lastPauseMs)) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (!unanswered(error)) throw isDoubtful && ConclaveError.is(error, 'CLOSED') ? undecided(error) : error;
      isDoubtful ||= ConclaveError.is(error) && error.outcome === 'unknown';
      doubt?.();
      const isTooMuch = ConclaveError.is(error, 'RESOURCE_EXHAUSTED');
      if (isTooMuch && wasTooMuch) throw error;
      wasTooMuch ||= isTooMuch;
    }
    await pause(runtime, pauseMs, signal);
  }
}

/** The same for what changes something, ended at once by `signal`: out of time, nobody knows what comes through yet. */
export async function untilDone<T>(
  runtime: Runtime,
  signal: AnySignal,
  attempt: () => Promise<T>,
  doubt?: () => void,
): Promise<T> {
  try {
    return await abortable(untilAnswered(runtime, signal, attempt, doubt), signal);
  } catch (error) {
    throw ConclaveError.is(error, 'TIMEOUT') ? undecided(error) : error;
  }
}

/** Whether the store may have done it, or could not be asked at all. */
export function unanswered(error: unknown): boolean {
  return ConclaveError.is(error) && (error.outcome === 'unknown' || error.retryable);
}
