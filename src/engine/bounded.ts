import { abortable } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import type { CallOptions } from '../store/store.js';

/** `promise`, unless the caller's abort or time limit comes first: then what was asked for may be done or not. */
export function bounded(runtime: Runtime, promise: Promise<void>, call: CallOptions = {}): Promise<void> {
  const { signal, timeoutMs } = call;
  if (timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY) return abortable(promise, signal);
  return abortable(
    new Promise((resolve, reject) => {
      const stopTimer = runtime.setTimer(timeoutMs, () => {
        const text = `not on disk within ${timeoutMs} ms`;
        reject(new ConclaveError('TIMEOUT', text, { outcome: 'unknown' }));
      });
      promise.then(resolve, reject).finally(stopTimer);
    }),
    signal,
  );
}
