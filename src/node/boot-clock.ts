import { uptime } from 'node:os';

/**
 * The clock that counts sleep. `os.uptime()` reads CLOCK_BOOTTIME on Linux, in steps of 10 ms; other systems may give
 * whole seconds. It opens a file, and is asked again only when another clock has moved by a millisecond: a sleep moves
 * the wall clock, and without one this clock moves with the monotonic one.
 */
export class BootClock {
  readonly #readMs: () => number;
  #monotonicMs = Number.NEGATIVE_INFINITY;
  #wallMs = Number.NaN;
  #bootMs = 0;

  constructor(readMs: () => number = () => uptime() * 1000) {
    this.#readMs = readMs;
  }

  /** Milliseconds since the machine started, when the other clocks say this. */
  at(monotonicMs: number, wallMs: number): number {
    if (monotonicMs - this.#monotonicMs >= 1 || wallMs !== this.#wallMs) {
      this.#monotonicMs = monotonicMs;
      this.#wallMs = wallMs;
      this.#bootMs = this.#readMs();
    }
    return this.#bootMs;
  }
}
