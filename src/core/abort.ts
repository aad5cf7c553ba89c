import { Cancellation, Waiters } from './cancellation.js';
import { ConclaveError } from './errors.js';
import type { Runtime } from './runtime.js';

/** The last argument of every blocking call. */
export interface WaitOptions {
  /** Ends the wait: the call rejects with `signal.reason` itself and leaves nothing behind on the store. */
  readonly signal?: AbortSignal | undefined;
  /** Ends the wait after this many milliseconds with code `TIMEOUT`. Default: none. */
  readonly timeoutMs?: number | undefined;
}

/** What internal code can be told to stop by. */
export type AnySignal = AbortSignal | Cancellation;

/**
 * Calls `fn`, which must not throw, when `signal` aborts, at once if it has; returns the clean-up. Listeners never
 * outlive their use.
 */
export function onAbort(signal: AnySignal | undefined, fn: (reason: unknown) => void): () => void {
  if (signal === undefined || signal === unabortable) return nothing;
  if (signal.aborted) {
    fn(signal.reason);
    return nothing;
  }
  if (signal instanceof Cancellation) return signal.waiters.add(fn);
  return fanOf(signal).add(fn);
}

function nothing(): void {}

/** For what has neither signal nor timeout: nobody aborts it, and nothing is kept to listen to it. */
const unabortable = new AbortController().signal;

const fanKey = Symbol('conclave.abort');

/**
 * One listener per signal, however many wait for it: Node warns of a leak at the eleventh listener, and finds one to
 * remove by walking all of them. A thousand locks wait for one session's signal, or for the one with which a program
 * stops.
 */
function fanOf(signal: AbortSignal & { [fanKey]?: Waiters | undefined }): Waiters {
  if (signal[fanKey] !== undefined) return signal[fanKey];
  const waiters = new Waiters(() => {
    signal.removeEventListener('abort', listener);
    signal[fanKey] = undefined;
  });
  const listener = () => waiters.tell(signal.reason);
  signal[fanKey] = waiters;
  signal.addEventListener('abort', listener, { once: true });
  return waiters;
}

/** A signal that aborts when any of `signals` does, with that one's reason; `unlink` detaches it from all of them. */
export function linkSignals(...signals: (AnySignal | undefined)[]): { signal: AbortSignal; unlink: () => void } {
  const controller = new AbortController();
  const unlink = link(signals, (reason) => controller.abort(reason));
  return { signal: controller.signal, unlink };
}

/** The same for one call. If nobody can abort `own`, it is the other one itself. */
export function linkCall(own: AnySignal | undefined, other: AnySignal): { signal: AnySignal; unlink: () => void } {
  if (own === undefined || own === unabortable) return { signal: other, unlink: nothing };
  const signal = new Cancellation();
  const unlink = link([own, other], (reason) => signal.abort(reason));
  return { signal, unlink };
}

function link(signals: readonly (AnySignal | undefined)[], abort: (reason: unknown) => void): () => void {
  const cleanups = signals.map((signal) => onAbort(signal, abort));
  return () => {
    for (const cleanup of cleanups) cleanup();
  };
}

/**
 * Runs `fn` with a signal that follows `options`, and takes timer and listeners away when it settles.
 * `what` names the call in the `TIMEOUT` message.
 */
export function withDeadline<T>(
  runtime: Runtime,
  what: string,
  options: Deadlined,
  fn: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal, timeoutMs } = options;
  if (signal !== undefined || timeoutMs !== undefined) return bounded(runtime, what, options, fn);
  // Without a frame of its own: most calls have no limit.
  try {
    return fn(unabortable);
  } catch (error) {
    return Promise.reject(error);
  }
}

interface Deadlined {
  readonly signal?: AnySignal | undefined;
  readonly timeoutMs?: number | undefined;
}

async function bounded<T>(
  runtime: Runtime,
  what: string,
  { signal, timeoutMs }: Deadlined,
  fn: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  if (timeoutMs !== undefined && !(timeoutMs >= 0)) {
    throw new ConclaveError('INVALID_ARGUMENT', `timeoutMs must be a number of at least 0, got ${timeoutMs}`);
  }
  const controller = new AbortController();
  const unlink = onAbort(signal, (reason) => controller.abort(reason));
  const stopTimer =
    timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY
      ? () => {}
      : runtime.setTimer(timeoutMs, () =>
          controller.abort(new ConclaveError('TIMEOUT', `${what}: not done within ${timeoutMs} ms`)),
        );
  try {
    return await fn(controller.signal);
  } finally {
    stopTimer();
    unlink();
  }
}

/** `promise`, or the abort of `signal`, whichever comes first. The loser's rejection is never unhandled. */
export function abortable<T>(promise: Promise<T>, signal: AnySignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const cleanup = onAbort(signal, reject);
    promise.then(
      (value) => {
        cleanup();
        resolve(value);
      },
      (error: unknown) => {
        cleanup();
        reject(error);
      },
    );
  });
}

/** Resolves after `delayMs`, or rejects with the reason of `signal`; leaves no timer behind. */
export function pause(runtime: Runtime, delayMs: number, signal?: AnySignal): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const stopTimer = runtime.setTimer(delayMs, () => {
      cleanup();
      resolve();
    });
    const cleanup = onAbort(signal, (reason) => {
      stopTimer();
      reject(reason);
    });
  });
}

/** What `promise` settles to, or undefined after `ms` milliseconds: whatever it does then is nobody's to handle. */
export function within<T>(runtime: Runtime, ms: number, promise: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const stopTimer = runtime.setTimer(ms, () => resolve(undefined));
    promise.then(resolve, reject).finally(stopTimer);
  });
}
