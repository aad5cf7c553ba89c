import { type Bytes, utf8 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { Hold } from '../line/hold.js';
import { proclaim } from './proclaim.js';

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
    if (!this.held) throw this.#notLeader();
    const { leaseId, term } = this;
    const candidacy = { key: this.turn.key, term, leaseId, valueRevision: this.#valueRevision };
    // Not by `this.signal`: that tells the work to stop, which may well want to say that it does.
    const proclaimed = await proclaim(this.context, this.session.signal, candidacy, value);
    if (proclaimed === undefined) throw this.#notLeader();
    this.#valueRevision = proclaimed.valueRevision;
  }

  #notLeader(): ConclaveError {
    return this.over ?? new ConclaveError('LOST', `${this.name}: not the leader any more`, { loss: 'key-deleted' });
  }
}
