/** Somebody who waits while time passes; `asked` tells whether that is over, and lets go of whatever it holds. */
export interface Waiter {
  asked(): boolean;
  fail(error: unknown): void;
}

/** Everyone who wants time to pass. */
export class Waiters {
  readonly #waiting = new Set<Waiter>();

  get any(): boolean {
    return this.#waiting.size > 0;
  }

  add(waiter: Waiter): void {
    this.#waiting.add(waiter);
  }

  /** Asks each, in the order in which they came, and forgets those who wait no more; tells whether there were any. */
  ask(): boolean {
    const before = this.#waiting.size;
    for (const waiter of this.#waiting) if (waiter.asked()) this.#waiting.delete(waiter);
    return this.#waiting.size < before;
  }

  failAll(error: unknown): void {
    for (const waiter of this.#waiting) waiter.fail(error);
    this.#waiting.clear();
  }
}
