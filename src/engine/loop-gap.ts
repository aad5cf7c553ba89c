import type { Runtime } from '../core/runtime.js';

/** How often the loop gives a sign of life, milliseconds. */
const tickMs = 250;
/** A sign of life that is later than this is a gap: the loop stood still, and nobody was heard. */
const maxLateMs = 250;

/**
 * Notices when the event loop stood still: a paused process, a long computation. Heartbeats that came meanwhile wait in
 * their sockets, so the time must not count against their leases (etcd, paused for 3 s, lost a lease of 2 s 10 times
 * of 10; reliability.md finding 6). Started only while there is a lease to protect.
 */
export class LoopGap {
  readonly #runtime: Runtime;
  #stopTimer: (() => void) | undefined;
  #dueMs = 0;
  #seenMs = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Milliseconds that the loop stood still until `nowMs`, each gap told once; 0 normally. Call on every entry. */
  check(nowMs: number): number {
    const gapMs = this.#stopTimer !== undefined && nowMs > this.#dueMs + maxLateMs ? nowMs - this.#seenMs : 0;
    this.#seenMs = nowMs;
    if (gapMs > 0) this.#dueMs = nowMs + tickMs;
    return gapMs;
  }

  /** Calls `onTick` at each sign of life, which must call `check`. Idempotent. */
  start(nowMs: number, onTick: () => void): void {
    if (this.#stopTimer !== undefined) return;
    this.#seenMs = nowMs;
    this.#arm(nowMs, onTick);
  }

  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  #arm(nowMs: number, onTick: () => void): void {
    this.#dueMs = nowMs + tickMs;
    const stopTimer = this.#runtime.setTimer(tickMs, () => {
      onTick();
      // The tick may have ended the last lease, and with it this; or even have started it anew.
      if (this.#stopTimer === stopTimer) this.#arm(this.#runtime.monotonicMs(), onTick);
    });
    this.#stopTimer = stopTimer;
  }
}
