import { AsyncResource } from 'node:async_hooks';

/** Called in the async context of whoever set it (`AsyncLocalStorage`), as a timer of Node's is. */
class Entry extends AsyncResource {
  readonly dueMs: number;
  /** Undefined: taken back. */
  fn: (() => void) | undefined;

  constructor(dueMs: number, fn: () => void) {
    super('ConclaveTimer');
    this.dueMs = dueMs;
    this.fn = fn;
  }
}

/** Entries that were taken back and may stay beside as many that were not. */
const spareMax = 32;

/**
 * Timers of one delay. Who was set first is due first, so that one timer of Node's is enough for all. Most timers limit
 * a call, and are taken back when it is answered: that costs 0.12 µs here, and with a timer of Node's for each 0.42
 * (measured). Its timer waits to its end even if all are taken back, but holds no process open then.
 */
export class TimerLane {
  readonly #delayMs: number;
  readonly #idle: () => void;
  #entries: Entry[] = [];
  #live = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `idle` is called when there is nothing to wait for any more. */
  constructor(delayMs: number, idle: () => void) {
    this.#delayMs = delayMs;
    this.#idle = idle;
  }

  /** Calls `fn` once, not before the delay has passed; the function returned takes the call back (idempotent). */
  add(fn: () => void): () => void {
    const entry = new Entry(performance.now() + this.#delayMs, fn);
    this.#entries.push(entry);
    this.#live += 1;
    if (this.#timer === undefined) this.#arm(this.#delayMs);
    else if (this.#live === 1) this.#timer.ref();
    if (this.#entries.length > 2 * this.#live + spareMax) this.#entries = this.#entries.filter(isLive);
    return () => {
      if (entry.fn !== undefined) this.#takeBack(entry);
    };
  }

  #takeBack(entry: Entry): void {
    entry.fn = undefined;
    this.#live -= 1;
    if (this.#live > 0) return;
    this.#entries = [];
    this.#timer?.unref();
  }

  #arm(delayMs: number): void {
    this.#timer = setTimeout(() => this.#onTimeout(), Math.ceil(delayMs));
  }

  /** Node may call up to 1 ms early by its cached loop time: then the rest is waited for, too. */
  #onTimeout(): void {
    const nowMs = performance.now();
    const entries = this.#entries;
    // What comes meanwhile comes after them.
    this.#entries = [];
    try {
      for (const entry of entries) {
        if (entry.fn !== undefined && entry.dueMs > nowMs) break;
        this.#fire(entry);
      }
    } finally {
      // Also if one of them throws: it has been called.
      this.#entries = entries.filter(isLive).concat(this.#entries);
      this.#rest();
    }
  }

  #fire(entry: Entry): void {
    const { fn } = entry;
    if (fn === undefined) return;
    entry.fn = undefined;
    this.#live -= 1;
    entry.runInAsyncScope(fn);
  }

  /**
   * What was called may have taken its time: that is not waited for again. Node's timer keeps an async context alive:
   * that of who is next, and not for ever that of the first.
   */
  #rest(): void {
    this.#timer = undefined;
    const next = this.#entries.find(isLive);
    if (next === undefined) this.#idle();
    else next.runInAsyncScope(() => this.#arm(Math.max(next.dueMs - performance.now(), 0)));
  }
}

function isLive({ fn }: Entry): boolean {
  return fn !== undefined;
}
