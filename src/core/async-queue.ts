import { onAbort } from './abort.js';

export interface AsyncQueueOptions<T> {
  /** Makes one of all that are not read, instead of dropping the oldest. */
  readonly merge?: ((items: readonly T[]) => T) | undefined;
  /** What is the same as the one before it, as the consumer sees them, is left out: also where others were dropped. */
  readonly same?: ((before: T, item: T) => boolean) | undefined;
}

export interface ReadOptions {
  /**
   * An abort ends the iteration at once, whatever has not been read, and throws `signal.reason`. A call of `next` that
   * has been answered stays so.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called when the first item is asked for; before that nothing holds the queue, not even the signal. Returns what is
   * called once the end has been read, or the iteration was left or aborted. What it throws ends the iteration.
   */
  readonly onStart?: (() => () => void) | undefined;
  /** Called at the same time, also of an iteration that was never begun. */
  readonly onOver?: (() => void) | undefined;
}

/**
 * Turns pushes into an async iteration for one consumer. Bounded: when the consumer falls behind by more than
 * `limit`, the oldest are dropped, so that the newest is always seen.
 *
 * It is the iterator itself: an async generator over it costs every item several promises more. As there, calls of
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
  #begin: (() => void) | undefined;
  #stop: (() => void) | undefined;
  #onOver: (() => void) | undefined;
  #unlink: (() => void) | undefined;

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
    this.#onOver = onOver;
    if (onStart === undefined) this.#link(signal);
    else this.#begin = () => this.#start(signal, onStart);
    return this;
  }

  next(): Promise<IteratorResult<T, void>> {
    this.#begin?.();
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

  #link(signal: AbortSignal | undefined): void {
    this.#unlink = onAbort(signal, (error) => this.#abandon({ error }));
  }

  #start(signal: AbortSignal | undefined, onStart: () => () => void): void {
    this.#begin = undefined;
    this.#link(signal);
    if (this.#isOver) return;
    try {
      const stop = onStart();
      if (this.#isOver) stop();
      else this.#stop = stop;
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
    this.#begin = undefined;
    this.#unlink?.();
    this.#stop?.();
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
