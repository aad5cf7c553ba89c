import { TestTime } from './test-time.js';
import { TestWorld } from './test-world.js';

/** Simulated milliseconds for which `until` waits if it is not told otherwise. */
const defaultMaxMs = 600_000;

/**
 * Time that passes only when somebody wants it to: from event to event while a test waits in `advance` or `until`, and
 * by the few milliseconds that messages need while any is on its way.
 */
export class SimulatedTime extends TestTime {
  readonly world: TestWorld;
  #going = false;

  constructor(seed: number, describe: () => string) {
    super(defaultMaxMs, describe);
    this.world = new TestWorld(seed);
    this.world.onPlanned(() => this.wake());
  }

  protected override wake(): void {
    if (this.#going || !this.#busy()) return;
    this.#going = true;
    void this.#go();
  }

  async #go(): Promise<void> {
    const { world } = this;
    try {
      // Bounded: everyone who waits has planned a moment at which they give up, and messages arrive.
      while (this.#busy()) await world.run(() => this.#mustStop(), Math.max(this.lastBoundMs, world.lastArrivalMs));
    } catch (error) {
      this.#blame(error);
    } finally {
      this.#going = false;
    }
  }

  /** Before the next event happens, whoever has waited long enough goes on. */
  #mustStop(): boolean {
    const answered = !this.stopped && this.waiters.ask();
    return answered || !this.#busy();
  }

  #busy(): boolean {
    return !this.stopped && (this.waiters.any || this.world.onTheWay);
  }

  /** What happens in the world must not throw: it is a bug, and the test must hear of it. */
  #blame(error: unknown): void {
    if (this.waiters.any) {
      this.waiters.failAll(error);
    } else {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
