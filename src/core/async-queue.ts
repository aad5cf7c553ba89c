import { onAbort } from './abort.js';

export interface AsyncQueueOptions<T> {
  /** Makes one of all that are not read, instead of dropping the oldest. */
  readonly merge?: ((items: readonly T[]) => T) | undefined;
  /** What is the same as the one before it, as the consumer sees them, is left out: also where others were dropped. */
  readonly same?: ((before: T, item: T) => boolean) | undefined;
}

export interface ReadOptions {
  /** An abort ends the iteration at once, whatever has not been read, and throws `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Called when the first item is asked for. What it throws ends the iteration. */
  readonly onStart?: (() => void) | undefined;
  /** Called once: the consumer gets nothing more, for whatever reason. */
  readonly onOver?: (() => void) | undefined;
}

/**
 * Turns pushes into an async iteration for one consumer. Bounded: when the consumer falls behind by more than
 * `limit`, the oldest are dropped, so that the newest is always seen.
 *
 * It is the iterator itself, since an async generator over it costs every item four promises more. As there, calls of
 * `next` are answered in order, and nothing comes after the end; but `return` does not wait for the next item.
 */
export class AsyncQueue<T> implements AsyncGenerator<T, void, undefined> {
  readonly #limit: number;
  readonly #merge: ((items: readonly T[]) => T) | undefined;
  readonly #same: ((before: T, item: T) => boolean) | undefined;
  #items: T[] = [];
  #yielded: T | typeof nothing = nothing;
  /** Calls of `next`, while there is nothing to give. */
  readonly #waiting: Answer<T>[] = [];
  #end: End | undefined;
  #isOver = false;
  #onStart: (() => void) | undefined;
  #onOver: (() => void) | undefined;
  #unlink: () => void = () => {};

  constructor(limit: number, { merge, same }: AsyncQueueOptions<T> = {}) {
    this.#limit = limit;
    this.#merge = merge;
    this.#same = same;
  }

  /** How many items have not been read. */
  get size(): number {
    return this.#items.length;
  }

  push(item: T): void {
    if (this.#end !== undefined) return;
    const before = this.#items.length > 0 ? (this.#items.at(-1) as T) : this.#yielded;
    if (this.#repeats(before, item)) return;
    const answer = this.#waiting.shift();
    if (answer !== undefined) {
      answer(this.#give(item));
      return;
    }
    this.#items.push(item);
    if (this.#items.length <= this.#limit) return;
    if (this.#merge === undefined) this.#dropOldest();
    else this.#items = [this.#merge(this.#items)];
  }

  /** The iteration ends after what was pushed before: orderly, or with `error`. The first end counts. */
  end(error?: unknown): void {
    this.#end ??= error === undefined ? {} : { error };
    this.#answerWaiting();
  }

  /** The iteration, of what was pushed before as well. Called once. */
  read({ signal, onStart, onOver }: ReadOptions = {}): AsyncGenerator<T, void, undefined> {
    this.#onStart = onStart;
    this.#onOver = onOver;
    this.#unlink = onAbort(signal, (error) => this.#abandon({ error }));
    return this;
  }

  next(): Promise<IteratorResult<T, void>> {
    if (this.#onStart !== undefined) this.#start();
    if (this.#items.length > 0) return Promise.resolve(this.#give(this.#items.shift() as T));
    if (this.#end !== undefined) return this.#giveEnd(this.#end);
    return new Promise((answer) => {
      this.#waiting.push(answer);
    });
  }

  async return(): Promise<IteratorResult<T, void>> {
    this.#abandon({});
    return { value: undefined, done: true };
  }

  async throw(error: unknown): Promise<IteratorResult<T, void>> {
    this.#abandon({});
    throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abandon({});
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #start(): void {
    const start = this.#onStart;
    this.#onStart = undefined;
    try {
      if (!this.#isOver) start?.();
    } catch (error) {
      this.end(error);
    }
  }

  #give(item: T): IteratorYieldResult<T> {
    this.#yielded = item;
    return { value: item, done: false };
  }

  /** An error once, and from then on that nothing is left. */
  #giveEnd(end: End): Promise<IteratorReturnResult<void>> {
    this.#end = {};
    this.#leave();
    return 'error' in end ? Promise.reject(end.error) : Promise.resolve({ value: undefined, done: true });
  }

  #answerWaiting(): void {
    for (const answer of this.#waiting.splice(0)) answer(this.next());
  }

  /** Ends it with what has not been read. */
  #abandon(end: End): void {
    this.#items = [];
    this.#end = end;
    this.#leave();
    this.#answerWaiting();
  }

  #leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#unlink();
    this.#onOver?.();
  }

  /** The next of those that stay may be what was yielded last; the one after it differs from it. */
  #dropOldest(): void {
    this.#items.shift();
    if (this.#items.length > 0 && this.#repeats(this.#yielded, this.#items[0] as T)) this.#items.shift();
  }

  #repeats(before: T | typeof nothing, item: T): boolean {
    return this.#same !== undefined && before !== nothing && this.#same(before, item);
  }
}

type Answer<T> = (result: IteratorResult<T, void> | Promise<IteratorResult<T, void>>) => void;

interface End {
  readonly error?: unknown;
}

/** Before the first item, which may be null or undefined. */
const nothing = Symbol('nothing');
