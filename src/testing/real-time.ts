import type { Runtime } from '../core/runtime.js';
import { TestTime } from './test-time.js';
import { TestWorld } from './test-world.js';

/** Shorter than the test runners' own limit of 5 s, whose message says less. */
const defaultMaxMs = 4000;

/** How often somebody is asked who waits for what may change without an event of the cluster, in milliseconds. */
const askEveryMs = 5;

/** A world whose clock is the host's. */
class RealWorld extends TestWorld {
  readonly #host: Runtime;
  readonly #startMs: number;

  constructor(seed: number, host: Runtime) {
    super(seed);
    this.#host = host;
    this.#startMs = host.monotonicMs();
  }

  override get nowMs(): number {
    return this.#host.monotonicMs() - this.#startMs;
  }
}

/** Time that passes by itself, so that code under test may use timers of its own. Holds one timer of the host's. */
export class RealTime extends TestTime {
  readonly world: TestWorld;
  readonly #host: Runtime;
  #stopTimer: () => void = () => {};
  #running = false;

  constructor(seed: number, host: Runtime, describe: () => string) {
    super(defaultMaxMs, describe);
    this.#host = host;
    this.world = new RealWorld(seed, host);
    this.world.onPlanned(() => this.wake());
  }

  override stop(): void {
    super.stop();
    this.#stopTimer();
  }

  /** One timer, for whatever comes first. */
  protected override wake(): void {
    if (this.#running || this.stopped) return;
    this.#stopTimer();
    const { nextDueMs, nowMs } = this.world;
    const dueMs = nextDueMs === undefined ? Number.POSITIVE_INFINITY : Math.max(0, nextDueMs - nowMs);
    const delayMs = this.waiters.any ? Math.min(dueMs, askEveryMs) : dueMs;
    this.#stopTimer = this.#host.setTimer(delayMs, () => void this.#run());
  }

  /** Everything that is due, one event at a time. */
  async #run(): Promise<void> {
    this.#running = true;
    // Before the next event happens, whoever has waited long enough goes on.
    const mustStop = () => this.stopped || this.waiters.ask();
    try {
      await this.world.run(mustStop, this.world.nowMs);
    } catch (error) {
      if (!this.waiters.any) throw error;
      this.waiters.failAll(error);
    } finally {
      this.#running = false;
      this.wake();
    }
  }
}
