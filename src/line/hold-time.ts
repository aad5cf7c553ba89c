import { ConclaveError } from '../core/errors.js';
import { type ClockReading, elapsedMs, type Runtime } from '../core/runtime.js';

/** How long something may be held at most, counted from now by whichever clock has moved most. */
export class HoldTime {
  readonly #runtime: Runtime;
  readonly #maxMs: number;
  /** Undefined: no limit, and no need to read the clocks. */
  readonly #since: ClockReading | undefined;

  /** @throws ConclaveError `INVALID_ARGUMENT` unless `maxMs` is positive, or undefined for no limit. */
  constructor(runtime: Runtime, maxMs = Number.POSITIVE_INFINITY) {
    assertHoldTime(maxMs);
    this.#runtime = runtime;
    this.#maxMs = maxMs;
    this.#since = maxMs === Number.POSITIVE_INFINITY ? undefined : runtime.clocks();
  }

  /** Milliseconds, 0 when it is over. */
  get remainingMs(): number {
    if (this.#since === undefined) return this.#maxMs;
    return Math.max(0, this.#maxMs - elapsedMs(this.#runtime, this.#since));
  }

  /** Calls `over` when it is; returns the clean-up. Without a limit there is no timer: very many are held at once. */
  start(over: () => void): () => void {
    if (this.#maxMs === Number.POSITIVE_INFINITY) return () => {};
    let stopTimer = () => {};
    const arm = () => {
      const { remainingMs } = this;
      if (remainingMs > 0) stopTimer = this.#runtime.setTimer(remainingMs, arm);
      else over();
    };
    arm();
    return () => stopTimer();
  }
}

/** @throws ConclaveError `INVALID_ARGUMENT` unless `maxHoldMs` is positive or undefined. */
export function assertHoldTime(maxHoldMs: number | undefined): void {
  if (maxHoldMs === undefined || maxHoldMs > 0) return;
  throw new ConclaveError('INVALID_ARGUMENT', `maxHoldMs must be a number above 0, got ${String(maxHoldMs)}`);
}
