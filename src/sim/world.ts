import { HostTurns } from './host-turns.js';
import { Prng } from './prng.js';
import type { SimProcess } from './sim-process.js';
import { TimerQueue } from './timer-queue.js';
import { TraceHash } from './trace.js';

/** Something that happens at a moment: in a process, which must be alive and awake for it, or in the world itself. */
export interface SimEvent {
  readonly process: SimProcess | undefined;
  /** What it is, for the trace: a constant text. */
  readonly kind: string;
  readonly fn: () => void;
  cancelled: boolean;
}

/** Called before (`start`) each event that happens, for a readable trace. */
export type TraceListener = (atMs: number, process: string, kind: string) => void;

/**
 * Moments are multiples of 1/1024 ms, so that sums and differences of them are exact: a lease that lives a rounding
 * error short of its TTL is no violation.
 */
export function onGrid(ms: number): number {
  return Math.ceil(ms * 1024) / 1024;
}

/** Events at one instant before it counts as a loop without end. */
const eventsPerInstantMax = 20_000;

/**
 * One seed, one line of time: events happen one at a time in order of (time, order of asking), and everything that
 * awaits an event has gone on before the next one happens.
 */
export class World {
  readonly random: Prng;
  readonly hash = new TraceHash();
  readonly #queue = new TimerQueue();
  readonly #turns = new HostTurns();
  readonly #onEvent: TraceListener | undefined;
  /** Looks at the world after each event; must not change it. */
  readonly #watchers: (() => void)[] = [];
  #nowMs = 0;
  #events = 0;
  #sameInstant = 0;

  constructor(seed: number, onEvent?: TraceListener) {
    this.random = new Prng(seed);
    this.#onEvent = onEvent;
  }

  /** Simulated milliseconds since the start. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** When the next event is due, in milliseconds since the start; undefined if nothing is to come. */
  get nextDueMs(): number | undefined {
    return this.#queue.peek()?.dueMs;
  }

  /** Events that have happened. */
  get events(): number {
    return this.#events;
  }

  /** Lets `fn` happen in `delayMs`; the function returned takes it back. */
  after(delayMs: number, process: SimProcess | undefined, kind: string, fn: () => void): () => void {
    const event: SimEvent = { process, kind, fn, cancelled: false };
    const remove = this.#add(delayMs, event);
    return () => {
      event.cancelled = true;
      remove();
    };
  }

  /** An event that a process has slept through happens now, behind what is due at this instant. */
  again(event: SimEvent): void {
    this.#add(0, event);
  }

  afterEach(watcher: () => void): void {
    this.#watchers.push(watcher);
  }

  /**
   * Lets time pass until `done`, at most until `endMs` or until nothing is left to happen. Tells whether it is done.
   * `done` is asked after every event.
   */
  async run(done: () => boolean, endMs: number): Promise<boolean> {
    let finished = false;
    await this.#turns.run(() => {
      finished = done();
      return !finished && this.#next(endMs);
    });
    return finished;
  }

  #add(delayMs: number, event: SimEvent): () => void {
    return this.#queue.add(onGrid(this.nowMs + delayMs), () => this.#happen(event));
  }

  /** Takes the next event that still counts; false if there is none up to `endMs`, at which the clock then stands. */
  #next(endMs: number): boolean {
    const next = this.#queue.peek();
    if (next === undefined || next.dueMs > endMs) {
      this.#nowMs = Math.max(this.#nowMs, endMs);
      return false;
    }
    this.#sameInstant = next.dueMs > this.#nowMs ? 0 : this.#sameInstant + 1;
    if (this.#sameInstant > eventsPerInstantMax) throw new Error(`time stands still at ${this.#nowMs} ms`);
    this.#nowMs = next.dueMs;
    this.#queue.take()?.fn();
    return true;
  }

  #happen(event: SimEvent): void {
    if (event.cancelled) return;
    const { process, kind } = event;
    if (process !== undefined && !process.admits(event)) return;
    this.#events += 1;
    this.hash.number(this.#nowMs);
    this.hash.word(process === undefined ? 'world' : process.name);
    this.hash.word(kind);
    this.#onEvent?.(this.#nowMs, process === undefined ? 'world' : process.name, kind);
    event.fn();
    for (const watcher of this.#watchers) watcher();
  }
}
