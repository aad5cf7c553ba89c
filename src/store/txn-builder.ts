import { ConclaveError } from '../core/errors.js';
import type { Compare, RequestOp, TxnResponse } from './messages.js';
import type { CallOptions, Store } from './store.js';

/**
 * Puts one txn together: `txn().if(held.guard()).then(put('a', '1')).else(get('a')).commit()`. Nothing is sent before
 * `commit()`, and each `commit()` sends it once.
 */
export class TxnBuilder {
  readonly #store: Store;
  #compare: readonly Compare[] = [];
  #success: readonly RequestOp[] = [];
  #failure: readonly RequestOp[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  /** All of them must hold. A list counts as its members, as `guard()` of several locks gives them. */
  if(...compares: (Compare | readonly Compare[])[]): this {
    this.#compare = [...this.#compare, ...compares.flat()];
    return this;
  }

  /**
   * What to do if all compares hold. etcd's own word, at the price that `await` takes the builder for a promise: that
   * is refused.
   * @throws ConclaveError `INVALID_ARGUMENT` when awaited instead of committed.
   */
  // biome-ignore lint/suspicious/noThenProperty: the word is part of the public contract
  then(...operations: RequestOp[]): this {
    if (operations.some((each) => typeof each === 'function')) {
      throw new ConclaveError('INVALID_ARGUMENT', 'a txn is not a promise: call commit() and await that');
    }
    this.#success = [...this.#success, ...operations];
    return this;
  }

  else(...operations: RequestOp[]): this {
    this.#failure = [...this.#failure, ...operations];
    return this;
  }

  /**
   * Never sent twice: when the answer is lost it rejects with `outcome: 'unknown'`, and only the caller can know what
   * to do.
   */
  commit(options: CallOptions = {}): Promise<TxnResponse> {
    return this.#store.txn({ compare: this.#compare, success: this.#success, failure: this.#failure }, options);
  }
}
