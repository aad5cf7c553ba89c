import { onAbort } from './abort.js';

/**
 * Turns pushes into an async iteration for one consumer. Bounded: when the consumer falls behind by more than
 * `limit`, the oldest are dropped, so that the newest is always seen; with `merge` all become one instead.
 */
export class AsyncQueue<T> {
  readonly #limit: number;
  readonly #merge: ((items: readonly T[]) => T) | undefined;
  #items: T[] = [];
  #wake: () => void = () => {};
  #end: { readonly error?: unknown } | undefined;

  constructor(limit: number, merge?: (items: readonly T[]) => T) {
    this.#limit = limit;
    this.#merge = merge;
  }

  push(item: T): void {
    if (this.#end !== undefined) return;
    this.#items.push(item);
    if (this.#items.length > this.#limit) {
      if (this.#merge === undefined) this.#items.shift();
      else this.#items = [this.#merge(this.#items)];
    }
    this.#wake();
  }

  /** The iteration ends after what was pushed before: orderly, or with `error`. The first end counts. */
  end(error?: unknown): void {
    this.#end ??= error === undefined ? {} : { error };
    this.#wake();
  }

  /** Yields what is pushed until the end; an abort throws `signal.reason` at once. */
  async *drain(signal?: AbortSignal): AsyncGenerator<T, void, undefined> {
    // Bounded by `end()` and `signal`.
    for (;;) {
      signal?.throwIfAborted();
      while (this.#items.length > 0) {
        yield this.#items.shift() as T;
        signal?.throwIfAborted();
      }
      if (this.#end !== undefined) {
        if ('error' in this.#end) throw this.#end.error;
        return;
      }
      await this.#more(signal);
    }
  }

  #more(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const cleanup = onAbort(signal, reject);
      this.#wake = () => {
        cleanup();
        resolve();
      };
    });
  }
}
