import { type Bytes, sameBytes } from '../core/bytes.js';
import { noneIn } from '../line/rule.js';
import { agreementOn, encodePermits, permitsIn, semaphoreKeys } from '../line/weighted.js';
import { createdAt, get, modifiedAt, put, rangeAt } from '../store/ops.js';
import { unanswered } from '../store/repeat.js';
import type { Store } from '../store/store.js';

/** One change of a semaphore's permits, however often it has to be sent. */
export class PermitChange {
  readonly #store: Store;
  readonly #prefix: Bytes;
  readonly #declared: number;
  readonly #permits: number;
  /** The mod revision on which a try of unknown fate was to build. */
  #doubtful: bigint | undefined;

  constructor(store: Store, prefix: Bytes, declared: number, permits: number) {
    this.#store = store;
    this.#prefix = prefix;
    this.#declared = declared;
    this.#permits = permits;
  }

  /**
   * Resolves when it has been made.
   * @throws ConclaveError `MISMATCH`, or what the store says; may be called again after that.
   */
  async attempt(): Promise<void> {
    // Bounded: each round more means that another change came between.
    for (let done = false; !done; ) done = await this.#tryOnce();
  }

  async #tryOnce(): Promise<boolean> {
    const { places, declared, permits } = semaphoreKeys(this.#prefix);
    const now = await this.#store.txn({
      success: [get(declared), get(permits), get(places.key, { ...places, limit: 1n, keysOnly: true })],
    });
    const agreement = agreementOn(declared, this.#declared);
    const agreed = rangeAt(now, 0).kvs[0];
    if (agreed !== undefined && !sameBytes(agreed.value, agreement.value)) throw agreement.mismatch(agreed.value);
    const record = rangeAt(now, 1);
    const built = record.kvs[0]?.modRevision ?? 0n;
    // Something has changed since: either it was this, or another's change, before which this may as well have been.
    if (this.#doubtful !== undefined && this.#doubtful !== built) return true;
    this.#doubtful = undefined;
    const empty = rangeAt(now, 2).kvs.length === 0;
    // With nobody there, nobody can have been admitted under a higher number.
    const highest = empty ? this.#permits : Math.max(permitsIn(record, this.#declared).highest, this.#permits);
    return this.#send(built, {
      compare: [
        modifiedAt(permits, built),
        createdAt(declared, agreed?.createRevision ?? 0n),
        ...(empty ? [noneIn(places)] : []),
      ],
      success: [
        put(permits, encodePermits({ permits: this.#permits, highest })),
        ...(agreed === undefined ? [put(declared, agreement.value)] : []),
      ],
    });
  }

  async #send(built: bigint, txn: Parameters<Store['txn']>[0]): Promise<boolean> {
    try {
      return (await this.#store.txn(txn)).succeeded;
    } catch (error) {
      if (unanswered(error)) this.#doubtful = built;
      throw error;
    }
  }
}
