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

/** The same, ended at once by `signal`, though a try be under way, which may still be carried out. */
export function untilAnsweredOrAborted<T>(
  runtime: Runtime,
  signal: AnySignal,
  attempt: () => Promise<T>,
  doubt?: () => void,
): Promise<T> {
  return abortable(untilAnswered(runtime, signal, attempt, doubt), signal);
}

/**
 * The same for what changes something, ended at once by `signal`: what ends it while a try is under way, or after one
 * that was not answered, leaves open what that has done.
 */
export async function untilDone<T>(
  runtime: Runtime,
  signal: AnySignal,
  attempt: () => Promise<T>,
  doubt?: () => void,
): Promise<T> {
  let open = 0;
  const once = async () => {
    open += 1;
    try {
      return await attempt();
    } catch (error) {
      if (!signal.aborted && !unanswered(error)) open -= 1;
      throw error;
    }
  };
  try {
    return await untilAnsweredOrAborted(runtime, signal, once, doubt);
  } catch (error) {
    throw open > 0 ? inDoubt(error, signal) : error;
  }
}

/**
 * The same failure, of something that may have been done, in part or as a whole. An abort is the caller's, and stays.
 */
export function inDoubt(error: unknown, signal: AnySignal): unknown {
  const isAbort = error === signal.reason && !ConclaveError.is(error, 'TIMEOUT');
  return isAbort ? error : undecided(error);
}

/** Whether the store may have done it, or could not be asked at all. */
export function unanswered(error: unknown): boolean {
  return ConclaveError.is(error) && (error.outcome === 'unknown' || error.retryable);
}
