import type { ClockReading, Runtime } from '../core/runtime.js';
import type { Prng } from './prng.js';
import { onGrid, type SimEvent, type World } from './world.js';

/** How much sooner than asked for a timer may fire: what a clock rate other than 1 costs in rounding. */
const roundingMs = 1e-6;

/** `os.uptime()` counts in steps of this many milliseconds. */
const bootStepMs = 10;

/**
 * A process: an event loop and clocks of its own, which can go wrong without those of others. It is the `Runtime` of
 * everything that runs in it. Once it has crashed nothing of it happens any more; who starts again is another process.
 */
export class SimProcess implements Runtime {
  readonly name: string;
  readonly #world: World;
  readonly #random: Prng;
  /** Clock readings at `#sinceMs`, from where on they run at `#rate`. */
  #monotonicMs: number;
  #sinceMs: number;
  #rate = 1;
  /** How far these are ahead of the monotonic clock. */
  #bootAheadMs: number;
  #wallAheadMs: number;
  #crashed = false;
  #paused = false;
  /** What has happened to it while it stood still. */
  #backlog: SimEvent[] = [];
  #timers = 0;

  /** `random` is its own: what it draws does not shift what others draw. */
  constructor(world: World, name: string, random: Prng) {
    this.name = name;
    this.#world = world;
    this.#random = random;
    this.#sinceMs = world.nowMs;
    this.#monotonicMs = onGrid(random.between(0, 1e7));
    this.#bootAheadMs = onGrid(random.between(0, 1e6));
    this.#wallAheadMs = 1_735_689_600_000 + onGrid(random.between(-1e6, 1e6));
  }

  get crashed(): boolean {
    return this.#crashed;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Timers that have neither run nor been taken back. */
  get pendingTimers(): number {
    return this.#timers;
  }

  clocks(): ClockReading {
    const monotonicMs = this.#monotonic();
    const bootMs = Math.floor((monotonicMs + this.#bootAheadMs) / bootStepMs) * bootStepMs;
    return { monotonicMs, bootMs, wallMs: monotonicMs + this.#wallAheadMs };
  }

  monotonicMs(): number {
    return this.#monotonic();
  }

  wallMs(): number {
    return this.clocks().wallMs;
  }

  setTimer(delayMs: number, fn: () => void): () => void {
    if (delayMs === Number.POSITIVE_INFINITY || this.#crashed) return () => {};
    const dueMs = this.#monotonic() + (Number.isNaN(delayMs) ? 0 : Math.max(0, delayMs));
    let open = true;
    const close = () => {
      if (open) this.#timers -= 1;
      open = false;
    };
    const fire = () => {
      // Its clock may have been slowed down, or stood still, since the timer was set.
      if (this.#monotonic() + roundingMs < dueMs) {
        cancel = this.#arm(dueMs, fire);
        return;
      }
      close();
      fn();
    };
    this.#timers += 1;
    let cancel = this.#arm(dueMs, fire);
    return () => {
      close();
      cancel();
    };
  }

  randomBytes(length: number): Uint8Array {
    return this.#random.bytes(length);
  }

  /** Asked by the world: whether `event` can happen now. What comes while it stands still waits for it. */
  admits(event: SimEvent): boolean {
    if (this.#crashed) return false;
    if (!this.#paused) return true;
    this.#backlog.push(event);
    return false;
  }

  /** SIGSTOP: nothing of it runs, its clocks go on. */
  pause(): void {
    this.#paused = true;
  }

  /**
   * SIGCONT. Whether its loop finds the timers or the sockets first is open: both orders are seen in Node. With
   * `sleptMs` the whole machine slept, and the monotonic clock did not go on for so long.
   */
  resume(timersFirst: boolean, sleptMs = 0): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (sleptMs > 0) {
      this.#setMonotonic(this.#monotonic() - sleptMs);
      this.#bootAheadMs += sleptMs;
      this.#wallAheadMs += sleptMs;
    }
    const backlog = this.#backlog;
    this.#backlog = [];
    const first = backlog.filter((event) => (event.kind === 'timer') === timersFirst);
    const second = backlog.filter((event) => (event.kind === 'timer') !== timersFirst);
    for (const event of [...first, ...second]) this.#world.again(event);
  }

  /** SIGKILL. */
  crash(): void {
    this.#crashed = true;
    this.#backlog = [];
  }

  jumpWall(byMs: number): void {
    this.#wallAheadMs += byMs;
  }

  /** All its clocks run at this rate from now on; 1 is the world's. */
  setRate(rate: number): void {
    this.#setMonotonic(this.#monotonic());
    this.#rate = rate;
  }

  #arm(dueMs: number, fire: () => void): () => void {
    return this.#world.after(Math.max(0, (dueMs - this.#monotonic()) / this.#rate), this, 'timer', fire);
  }

  #monotonic(): number {
    return this.#monotonicMs + (this.#world.nowMs - this.#sinceMs) * this.#rate;
  }

  #setMonotonic(monotonicMs: number): void {
    this.#monotonicMs = monotonicMs;
    this.#sinceMs = this.#world.nowMs;
  }
}
