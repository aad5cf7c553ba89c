import { randomBytes } from 'node:crypto';
import { uptime } from 'node:os';
import type { ClockReading, Runtime } from '../core/runtime.js';

/** The longest delay `setTimeout` takes; more makes it fire at once (Node warns and uses 1 ms). */
const longestDelayMs = 2 ** 31 - 1;

/** Real time and real chance. Its timers keep the process alive, as a held lock should. */
export class NodeRuntime implements Runtime {
  /** `os.uptime()` reads CLOCK_BOOTTIME on Linux, in steps of 10 ms; other systems may give whole seconds. */
  clocks(): ClockReading {
    return { monotonicMs: performance.now(), bootMs: uptime() * 1000, wallMs: Date.now() };
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
    const dueMs = performance.now() + (Number.isNaN(delayMs) ? 0 : Math.max(0, delayMs));
    const arm = (remainingMs: number) => setTimeout(onTimeout, Math.min(Math.ceil(remainingMs), longestDelayMs));
    const onTimeout = () => {
      const remainingMs = dueMs - performance.now();
      if (remainingMs > 0) timer = arm(remainingMs);
      else fn();
    };
    let timer = arm(dueMs - performance.now());
    return () => clearTimeout(timer);
  }

  randomBytes(length: number): Uint8Array {
    return randomBytes(length);
  }
}
