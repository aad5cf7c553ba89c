import { onAbort } from './abort.js';

export interface AsyncQueueOptions<T> {
  /** Makes one of all that are not read, instead of dropping the oldest. */
  readonly merge?: ((items: readonly T[]) => T) | undefined;
  /** What is the same as the one before it, as the consumer sees them, is left out: also where others were dropped. */
  readonly same?: ((before: T, item: T) => boolean) | undefined;
}

/**
 * Turns pushes into an async iteration for one consumer. Bounded: when the consumer falls behind by more than
 * `limit`, the oldest are dropped, so that the newest is always seen.
 */
export class AsyncQueue<T> {
  readonly #limit: number;
  readonly #merge: ((items: readonly T[]) => T) | undefined;
  readonly #same: ((before: T, item: T) => boolean) | undefined;
  #items: T[] = [];
  #yielded: T | typeof nothing = nothing;
  #wake: () => void = () => {};
  #end: { readonly error?: unknown } | undefined;

  constructor(limit: number, { merge, same }: AsyncQueueOptions<T> = {}) {
    this.#limit = limit;
    this.#merge = merge;
    this.#same = same;
  }

  push(item: T): void {
    if (this.#end !== undefined) return;
    const before = this.#items.length > 0 ? (this.#items.at(-1) as T) : this.#yielded;
    if (this.#repeats(before, item)) return;
    this.#items.push(item);
    if (this.#items.length > this.#limit) {
      if (this.#merge === undefined) this.#dropOldest();
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
        this.#yielded = this.#items.shift() as T;
        yield this.#yielded;
        signal?.throwIfAborted();
      }
      if (this.#end !== undefined) {
        if ('error' in this.#end) throw this.#end.error;
        return;
      }
      await this.#more(signal);
    }
  }

  /** The next of those that stay may be what was yielded last; the one after it differs from it. */
  #dropOldest(): void {
    this.#items.shift();
    if (this.#items.length > 0 && this.#repeats(this.#yielded, this.#items[0] as T)) this.#items.shift();
  }

  #repeats(before: T | typeof nothing, item: T): boolean {
    return this.#same !== undefined && before !== nothing && this.#same(before, item);
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

/** Before the first item, which may be null or undefined. */
const nothing = Symbol('nothing');
