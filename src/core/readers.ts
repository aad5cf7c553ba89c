import { AsyncQueue } from './async-queue.js';

/** Everybody who reads the same changes, each at a pace of its own. */
export class Readers<T> {
  readonly #limit: number;
  readonly #merge: ((changes: readonly T[]) => T) | undefined;
  readonly #queues = new Set<AsyncQueue<T>>();
  #over: { readonly error: unknown } | undefined;

  /**
   * A reader that falls more than `limit` changes behind loses the oldest, never the newest; with `merge` it gets those
   * that it has not read as one.
   */
  constructor(limit: number, merge?: (changes: readonly T[]) => T) {
    this.#limit = limit;
    this.#merge = merge;
  }

  /** What is told from this call on. An abort throws `signal.reason`; so does the end, with its error. */
  read(signal?: AbortSignal): AsyncGenerator<T, void, undefined> {
    const queue = new AsyncQueue<T>(this.#limit, { merge: this.#merge });
    if (this.#over !== undefined) queue.end(this.#over.error);
    this.#queues.add(queue);
    return queue.read({ signal, onOver: () => this.#queues.delete(queue) });
  }

  tell(change: T): void {
    for (const queue of this.#queues) queue.push(change);
  }

  end(error: unknown): void {
    this.#over ??= { error };
    for (const queue of this.#queues) queue.end(error);
  }
}
