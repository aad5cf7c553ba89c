import type { ClockReading, Runtime } from '../core/runtime.js';
import { hostTurn } from './host-turns.js';
import { Prng } from './prng.js';
import { TimerQueue } from './timer-queue.js';

export interface SimRuntimeOptions {
  /** Same seed, same run. Default: 1. */
  readonly seed?: number | undefined;
  /** What the wall clock shows at first, Unix milliseconds. Default: 2025-01-01. */
  readonly wallMs?: number | undefined;
}

export interface UntilOptions {
  /** Simulated milliseconds after which `until` gives up. Default: 3,600,000. */
  readonly maxMs?: number | undefined;
}

/** Timers that run at one instant before it counts as a loop without end. */
const timersPerInstantMax = 100_000;

/**
 * Simulated time and chance: nothing happens until the test or the simulator says so, and the same seed gives the
 * same run.
 *
 * Code that awaits goes on in microtasks, which the runtime cannot see; a macrotask of the host runs only when they are
 * all done. So one turn of its loop after each timer is enough to know that the code under test rests.
 */
export class SimRuntime implements Runtime {
  readonly random: Prng;
  readonly #timers = new TimerQueue();
  #monotonicMs = 0;
  /** How far these clocks are ahead of the monotonic one; sums of small steps would drift from it. */
  #bootAheadMs = 0;
  #wallAheadMs: number;

  constructor(options: SimRuntimeOptions = {}) {
    this.random = new Prng(options.seed ?? 1);
    this.#wallAheadMs = options.wallMs ?? 1_735_689_600_000;
  }

  clocks(): ClockReading {
    return {
      monotonicMs: this.#monotonicMs,
      bootMs: this.#monotonicMs + this.#bootAheadMs,
      wallMs: this.#monotonicMs + this.#wallAheadMs,
    };
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  wallMs(): number {
    return this.clocks().wallMs;
  }

  /** Timers follow the monotonic clock, as Node's do: neither `suspend` nor `jumpWall` brings them nearer. */
  setTimer(delayMs: number, fn: () => void): () => void {
    if (delayMs === Number.POSITIVE_INFINITY) return () => {};
    return this.#timers.add(this.#monotonicMs + (Number.isNaN(delayMs) ? 0 : Math.max(0, delayMs)), fn);
  }

  randomBytes(length: number): Uint8Array {
    return this.random.bytes(length);
  }

  /** Simulated milliseconds since the start. */
  get nowMs(): number {
    return this.#monotonicMs;
  }

  /** Timers that have neither run nor been taken back: 0 after a test that cleaned up. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer is due (0 if it is overdue), or undefined without timers. */
  get nextTimerMs(): number | undefined {
    const next = this.#timers.peek();
    return next === undefined ? undefined : Math.max(0, next.dueMs - this.#monotonicMs);
  }

  /**
   * Moves all clocks by `ms` and runs what becomes due on the way, one timer at a time in order, each followed by all
   * that awaits it. A timer that throws ends the call with its error.
   */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0 && Number.isFinite(ms))) throw new RangeError(`cannot advance by ${ms} ms`);
    await hostTurn();
    const endMs = this.#monotonicMs + ms;
    const guard = new InstantGuard();
    // Bounded: each turn takes a timer, and the guard catches those that arm themselves without delay.
    for (let waitMs = this.nextTimerMs; waitMs !== undefined; waitMs = this.nextTimerMs) {
      if (waitMs > 0 && this.#monotonicMs + waitMs > endMs) break;
      guard.ran(waitMs);
      await this.#runNext();
    }
    this.#moveTo(endMs);
  }

  /** Lets everything that awaits go on, without moving time or running a timer. */
  async settle(): Promise<void> {
    await hostTurn();
  }

  /** Advances from timer to timer until `promise` settles, and settles as it does. */
  async until<T>(promise: Promise<T>, options: UntilOptions = {}): Promise<T> {
    const maxMs = options.maxMs ?? 3_600_000;
    let settled = false;
    const onSettled = () => {
      settled = true;
    };
    promise.then(onSettled, onSettled);
    await hostTurn();
    const endMs = this.#monotonicMs + maxMs;
    const guard = new InstantGuard();
    // Bounded by simulated time, and at one instant by the guard.
    while (!settled) {
      const waitMs = this.nextTimerMs;
      if (waitMs === undefined) throw new Error('the promise waits, and no timer is pending that could settle it');
      if (this.#monotonicMs + waitMs > endMs) throw new Error(`the promise has not settled within ${maxMs} ms`);
      guard.ran(waitMs);
      await this.#runNext();
    }
    return promise;
  }

  /** The event loop stood still for `ms`: the clocks have moved, and what became due waits for the next `advance`. */
  stall(ms: number): void {
    this.#moveTo(this.#monotonicMs + ms);
  }

  /** The machine slept for `ms`: the boot-time and wall clocks moved, the monotonic clock and the timers did not. */
  suspend(ms: number): void {
    this.#bootAheadMs += ms;
    this.#wallAheadMs += ms;
  }

  /** Somebody set the wall clock, forward or back. */
  jumpWall(ms: number): void {
    this.#wallAheadMs += ms;
  }

  async #runNext(): Promise<void> {
    const timer = this.#timers.take();
    if (timer === undefined) return;
    this.#moveTo(timer.dueMs);
    timer.fn();
    await hostTurn();
  }

  /** Never back: what ran may have called `stall`. */
  #moveTo(monotonicMs: number): void {
    this.#monotonicMs = Math.max(this.#monotonicMs, monotonicMs);
  }
}

/** Stops a run in which time no longer passes. */
class InstantGuard {
  #timers = 0;

  ran(waitMs: number): void {
    this.#timers = waitMs > 0 ? 0 : this.#timers + 1;
    if (this.#timers > timersPerInstantMax) throw new Error('timers arm themselves without delay, without end');
  }
}
