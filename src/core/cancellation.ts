/**
 * Whether something is still wanted: an `AbortController` and its signal in one object, for what every call makes one
 * of. Node's pair is an EventTarget, which costs more than the rest of the call, and outlives the quick collections of
 * garbage. It never leaves this package: users give and get AbortSignals. `onAbort` listens to both.
 */
export class Cancellation {
  readonly waiters = new Waiters();
  #aborted = false;
  #reason: unknown;

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  /** The first reason counts. */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    this.waiters.tell(reason);
  }
}

interface Waiter {
  readonly fn: (reason: unknown) => void;
  before: Waiter | undefined;
  after: Waiter | undefined;
  gone: boolean;
}

/** Who waits for an abort, in the order in which they came. A list with links: each leaves in one step. */
export class Waiters {
  readonly #onEmpty: (() => void) | undefined;
  #first: Waiter | undefined;
  #last: Waiter | undefined;

  /** `onEmpty` is called whenever the last one has gone. */
  constructor(onEmpty?: () => void) {
    this.#onEmpty = onEmpty;
  }

  /** The function returned takes `fn` back. */
  add(fn: (reason: unknown) => void): () => void {
    const waiter: Waiter = { fn, before: this.#last, after: undefined, gone: false };
    if (this.#last === undefined) this.#first = waiter;
    else this.#last.after = waiter;
    this.#last = waiter;
    return () => this.#remove(waiter);
  }

  /** Calls each once. They may take back each other. */
  tell(reason: unknown): void {
    // Bounded: nobody is added any more, since the signal has aborted.
    for (let next = this.#first; next !== undefined; next = this.#first) {
      this.#remove(next);
      next.fn(reason);
    }
  }

  #remove(waiter: Waiter): void {
    if (waiter.gone) return;
    waiter.gone = true;
    const { before, after } = waiter;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    if (this.#first === undefined) this.#onEmpty?.();
  }
}
