import type { ClockReading, Runtime } from '../../src/core/runtime.js';
import type { SimRuntime } from '../../src/sim/sim-runtime.js';

/** One process's view of simulated time: its clocks and its event loop can go wrong without those of others. */
export class ClientRuntime implements Runtime {
  readonly #sim: SimRuntime;
  #timers = 0;
  #bootAheadMs = 0;
  #wallAheadMs = 0;
  #late: (() => void)[] | undefined;

  constructor(sim: SimRuntime) {
    this.#sim = sim;
  }

  clocks(): ClockReading {
    const { monotonicMs, bootMs, wallMs } = this.#sim.clocks();
    return { monotonicMs, bootMs: bootMs + this.#bootAheadMs, wallMs: wallMs + this.#wallAheadMs };
  }

  monotonicMs(): number {
    return this.#sim.monotonicMs();
  }

  wallMs(): number {
    return this.clocks().wallMs;
  }

  setTimer(delayMs: number, fn: () => void): () => void {
    let open = true;
    const close = () => {
      if (open) this.#timers -= 1;
      open = false;
    };
    this.#timers += 1;
    const run = () => {
      if (!open) return;
      close();
      fn();
    };
    const stop = this.#sim.setTimer(delayMs, () => {
      if (this.#late === undefined) run();
      else this.#late.push(run);
    });
    return () => {
      close();
      stop();
    };
  }

  randomBytes(length: number): Uint8Array {
    return this.#sim.randomBytes(length);
  }

  /** Timers of this process that have neither run nor been taken back. */
  get pendingTimers(): number {
    return this.#timers;
  }

  /** The event loop stands still: timers that become due wait for `resume`. */
  stall(): void {
    this.#late ??= [];
  }

  resume(): void {
    const late = this.#late ?? [];
    this.#late = undefined;
    for (const run of late) run();
  }

  /** The machine slept for `ms`, the rest of the world did not wait. */
  suspend(ms: number): void {
    this.#bootAheadMs += ms;
    this.#wallAheadMs += ms;
  }

  jumpWall(ms: number): void {
    this.#wallAheadMs += ms;
  }
}
