import type { SimProcess } from '../sim/sim-process.js';
import { onGrid, type SimEvent, World } from '../sim/world.js';

/** A world that knows whether messages are on their way in it: those arrive without anybody moving time. */
export class TestWorld extends World {
  #lastArrivalMs = 0;
  #onPlanned: () => void = () => {};

  /** Calls `fn` whenever something is going to happen that was not before. */
  onPlanned(fn: () => void): void {
    this.#onPlanned = fn;
  }

  /**
   * Whether something that was sent has not arrived. What a process that stands still has not looked at counts as
   * arrived.
   */
  get onTheWay(): boolean {
    const { nextDueMs } = this;
    return nextDueMs !== undefined && nextDueMs <= this.#lastArrivalMs;
  }

  /** When the last message that is on its way arrives, at the latest. */
  get lastArrivalMs(): number {
    return this.#lastArrivalMs;
  }

  override after(delayMs: number, process: SimProcess | undefined, kind: string, fn: () => void): () => void {
    const cancel = super.after(delayMs, process, kind, fn);
    // Timers wait until time is moved; so does what the test has planned, which happens in no process.
    if (process !== undefined && kind !== 'timer') this.#arrives(delayMs);
    this.#onPlanned();
    return cancel;
  }

  override again(event: SimEvent): void {
    super.again(event);
    this.#arrives(0);
    this.#onPlanned();
  }

  #arrives(delayMs: number): void {
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, onGrid(this.nowMs + delayMs));
  }
}
