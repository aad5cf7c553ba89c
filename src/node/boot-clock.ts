import { uptime } from 'node:os';

/** As fine as Linux tells it. */
const stepMs = 10;
/** Both clocks are read one after the other, and the wall clock tells whole milliseconds: more is no accident. */
const apartMs = 2;

/**
 * The clock that counts sleep. `os.uptime()` reads CLOCK_BOOTTIME on Linux, in steps of 10 ms; other systems may give
 * whole seconds. It opens a file, and is asked again only when the monotonic clock has moved by a step, or the wall
 * clock by something else than it: a sleep moves the wall clock, and without one this clock moves with the monotonic
 * one. A wall clock that is set back by just as much as the machine slept hides that for one step at most.
 */
export class BootClock {
  readonly #readMs: () => number;
  #monotonicMs = Number.NEGATIVE_INFINITY;
  #wallMs = Number.NaN;
  #bootMs = 0;

  constructor(readMs: () => number = () => uptime() * 1000) {
    this.#readMs = readMs;
  }

  /** Milliseconds since the machine started, when the other clocks say this; up to a step ago. */
  at(monotonicMs: number, wallMs: number): number {
    const passedMs = monotonicMs - this.#monotonicMs;
    if (passedMs >= stepMs || !(Math.abs(wallMs - this.#wallMs - passedMs) < apartMs)) {
      this.#monotonicMs = monotonicMs;
      this.#wallMs = wallMs;
      this.#bootMs = this.#readMs();
    }
    return this.#bootMs;
  }
}
