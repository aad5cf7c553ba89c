import { type Bytes, sameBytes, utf8 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { Hold } from '../line/hold.js';
import type { TxnRequest } from '../store/messages.js';
import { get, modifiedAt, put, rangeAt } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';

/** An election that was won: a place held, with a value that others observe. */
export class Leadership extends Hold {
  /** The mod revision of the value that stands: what comes next builds on it. */
  #valueRevision = this.fence;
  #last: Promise<unknown> = Promise.resolve();

  /** The epoch: grows with every later leader of the election. The same number as `fence`. */
  get term(): bigint {
    return this.fence;
  }

  /**
   * Changes the value that observers see, only while still leader; one after the other, in the order of the calls. Sent
   * again when the answer was lost; a try that arrives late never undoes a later proclamation.
   * @throws ConclaveError `LOST` or `SESSION_LOST` when no longer leader, `RELEASED` after `resign()`.
   */
  proclaim(value: string): Promise<void> {
    const proclaimed = this.#last.then(() => this.#proclaim(utf8(value)));
    this.#last = proclaimed.catch(() => {});
    return proclaimed;
  }

  /** Steps down; resolves when the store has confirmed. The same as `release()`. */
  resign(): Promise<void> {
    return this.release();
  }

  async #proclaim(value: Bytes): Promise<void> {
    const { store, runtime } = this.context;
    // Bounded by the session: each further turn is for somebody else who has written the key.
    for (;;) {
      if (!this.held) throw this.#notLeader();
      const request = this.#change(value);
      // Not by `this.signal`: that tells the work to stop, which may well want to say that it does.
      const txn = await untilAnswered(runtime, this.session.signal, () => store.txn(request));
      if (txn.succeeded) {
        this.#valueRevision = txn.header.revision;
        return;
      }
      const found = rangeAt(txn, 0).kvs[0];
      if (found?.createRevision !== this.fence) throw this.#notLeader();
      this.#valueRevision = found.modRevision;
      // An earlier try did it, and only its answer was lost.
      if (sameBytes(found.value, value)) return;
    }
  }

  /** On top of the value that is known to stand, so that it fails if it comes after another. */
  #change(value: Bytes): TxnRequest {
    const { key } = this.turn;
    return {
      compare: [this.guard(), modifiedAt(key, this.#valueRevision)],
      success: [put(key, value, { leaseId: this.leaseId })],
      failure: [get(key)],
    };
  }

  #notLeader(): ConclaveError {
    return this.over ?? new ConclaveError('LOST', `${this.name}: not the leader any more`, { loss: 'key-deleted' });
  }
}
