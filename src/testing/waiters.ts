/** `over`: nothing is waited for any more; `asking`: a question has gone out just now whose answer may be near. */
export type Answer = 'over' | 'asking' | 'waiting';

/** Somebody who waits while time passes. */
export interface Waiter {
  ask(): Answer;
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

  /**
   * Asks each, in the order in which they came, and forgets those whose wait is over. Tells whether somebody has
   * something to do before time passes: who has waited long enough goes on, or an answer is being looked for.
   */
  ask(): boolean {
    let busy = false;
    for (const waiter of this.#waiting) {
      const answer = waiter.ask();
      busy ||= answer !== 'waiting';
      if (answer === 'over') this.#waiting.delete(waiter);
    }
    return busy;
  }

  failAll(error: unknown): void {
    for (const waiter of this.#waiting) waiter.fail(error);
    this.#waiting.clear();
  }
}
