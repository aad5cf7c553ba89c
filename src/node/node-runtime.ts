import { randomFillSync } from 'node:crypto';
import type { ClockReading, Runtime } from '../core/runtime.js';
import { BootClock } from './boot-clock.js';
import { TimerLane } from './timer-lane.js';

/** The longest delay `setTimeout` takes; more makes it fire at once (Node warns and uses 1 ms). */
const longestDelayMs = 2 ** 31 - 1;

/** Delays of whole milliseconds up to this are the same again and again: limits of calls, grace, looks. */
const laneDelayMs = 60_000;

/** So much chance is asked for at once: the system call costs as much for one byte. */
const chanceBytes = 4_096;

/** Real time and real chance. Its timers keep the process alive, as a held lock should. */
export class NodeRuntime implements Runtime {
  readonly #boot = new BootClock();
  readonly #lanes = new Map<number, TimerLane>();
  #chance = Buffer.alloc(0);
  #chanceUsed = 0;

  clocks(): ClockReading {
    const monotonicMs = performance.now();
    const wallMs = Date.now();
    return { monotonicMs, bootMs: this.#boot.at(monotonicMs, wallMs), wallMs };
  }

  monotonicMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  /**
   * `Infinity` never fires, and holds nothing open. A delay beyond 24.8 days is waited for in parts. Node may fire up
   * to 1 ms early by its cached loop time: then the rest is waited for too, so that "at least `delayMs`" is true.
   */
  setTimer(delayMs: number, fn: () => void): () => void {
    if (delayMs === Number.POSITIVE_INFINITY) return () => {};
    const waitMs = Number.isNaN(delayMs) ? 0 : Math.max(0, delayMs);
    if (waitMs <= laneDelayMs && Number.isInteger(waitMs)) return this.#lane(waitMs).add(fn);
    const dueMs = performance.now() + waitMs;
    const onTimeout = () => {
      const remainingMs = dueMs - performance.now();
      if (remainingMs > 0) timer = timeout(onTimeout, remainingMs);
      else fn();
    };
    let timer = timeout(onTimeout, waitMs);
    return () => clearTimeout(timer);
  }

  randomBytes(length: number): Uint8Array {
    if (this.#chanceUsed + length > this.#chance.length) {
      this.#chance = randomFillSync(Buffer.allocUnsafeSlow(Math.max(length, chanceBytes)));
      this.#chanceUsed = 0;
    }
    this.#chanceUsed += length;
    return this.#chance.subarray(this.#chanceUsed - length, this.#chanceUsed);
  }

  #lane(delayMs: number): TimerLane {
    let lane = this.#lanes.get(delayMs);
    if (lane === undefined) {
      lane = new TimerLane(delayMs, () => this.#lanes.delete(delayMs));
      this.#lanes.set(delayMs, lane);
    }
    return lane;
  }
}

function timeout(fn: () => void, delayMs: number): NodeJS.Timeout {
  return setTimeout(fn, Math.min(Math.ceil(delayMs), longestDelayMs));
}
