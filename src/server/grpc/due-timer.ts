import type { Runtime } from '../../core/runtime.js';

/**
 * One timer for everything on a connection that has a time limit. Whoever waits keeps the time itself, and is asked for
 * it when the timer fires: a call that comes and goes costs no timer of its own.
 */
export class DueTimer {
  readonly #runtime: Runtime;
  readonly #endDue: (nowMs: number) => number;
  #atMs = Number.POSITIVE_INFINITY;
  #stopTimer = () => {};

  /** `endDue` ends what is due by `nowMs`, and returns when the next is: `Infinity` for never. */
  constructor(runtime: Runtime, endDue: (nowMs: number) => number) {
    this.#runtime = runtime;
    this.#endDue = endDue;
  }

  /** The time in `delayMs` from now, at which the timer will have fired. */
  dueIn(delayMs: number): number {
    const dueMs = this.#runtime.monotonicMs() + delayMs;
    if (dueMs < this.#atMs) this.#arm(dueMs, delayMs);
    return dueMs;
  }

  stop(): void {
    this.#stopTimer();
    this.#atMs = Number.NEGATIVE_INFINITY;
  }

  #arm(atMs: number, delayMs: number): void {
    this.#stopTimer();
    this.#atMs = atMs;
    this.#stopTimer = this.#runtime.setTimer(delayMs, () => this.#onTimer());
  }

  #onTimer(): void {
    this.#atMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#runtime.monotonicMs();
    const nextMs = this.#endDue(nowMs);
    if (nextMs < this.#atMs) this.#arm(nextMs, Math.max(0, nextMs - nowMs));
  }
}
