import { utf8 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { Hold } from '../line/hold.js';
import { untilAnswered } from '../store/repeat.js';
import { put } from '../store/ops.js';

/** An election that was won: a place held, with a value that others observe. */
export class Leadership extends Hold {
  /** The epoch: grows with every later leader of the election. The same number as `fence`. */
  get term(): bigint {
    return this.fence;
  }

  /**
   * Changes the value that observers see, only while still leader. Sent again when the answer was lost, which puts the
   * same value again.
   * @throws ConclaveError `LOST` or `SESSION_LOST` when no longer leader, `RELEASED` after `resign()`.
   */
  async proclaim(value: string): Promise<void> {
    this.#assertLeads();
    const { store, runtime } = this.context;
    const request = {
      compare: [this.guard()],
      success: [put(this.turn.key, utf8(value), { leaseId: this.leaseId })],
    };
    const txn = await untilAnswered(runtime, this.signal, () => store.txn(request));
    if (!txn.succeeded)
      throw new ConclaveError('LOST', `${this.name}: not the leader any more`, { loss: 'key-deleted' });
  }

  /** Steps down; resolves when the store has confirmed. The same as `release()`. */
  resign(): Promise<void> {
    return this.release();
  }

  #assertLeads(): void {
    if (this.held) return;
    this.assertNotLost();
    throw new ConclaveError('RELEASED', `${this.name}: resigned`);
  }
}
