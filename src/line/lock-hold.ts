import { type Bytes, sameBytes } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { Session, SessionContext } from '../lease/session.js';
import { createdAt } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import type { Wish } from './acquire.js';
import type { LockHeld } from './held.js';
import { Hold } from './hold.js';
import type { HeldTurn } from './line.js';
import type { Rule } from './rule.js';
import { downgraded } from './shared.js';

/** A lock in this process's hands, to write or to read. */
export class LockHold extends Hold implements LockHeld {
  readonly #rule: Rule;
  readonly #value: Bytes;
  #downgrading: Promise<void> | undefined;

  constructor(
    context: SessionContext,
    session: Session,
    { name, rule }: Pick<Wish<LockHold>, 'name' | 'rule'>,
    turn: HeldTurn,
    maxHoldMs?: number,
  ) {
    super(context, session, name, turn, maxHoldMs);
    this.#rule = rule;
    this.#value = turn.value;
  }

  get mode(): 'read' | 'write' {
    return this.#rule.kind === 'shared' || this.#downgrading !== undefined ? 'read' : 'write';
  }

  /** Whether who holds this holds what `rule` would give, too. */
  covers({ kind, prefix }: Rule): boolean {
    return sameBytes(this.#rule.prefix, prefix) && (kind === 'shared' || this.mode === 'write');
  }

  /** Writes nothing from the call on, whatever becomes of the request: others may be let in at any time. */
  async downgrade(): Promise<LockHeld> {
    this.assertHeld();
    if (this.#rule.kind !== 'shared') {
      this.#downgrading ??= this.#downgrade();
      await this.#downgrading;
    }
    return this;
  }

  /** @throws ConclaveError how it has ended, if it has. */
  assertHeld(): void {
    this.assertNotLost();
    if (this.over !== undefined) throw this.over;
  }

  /** Safe to send twice: the value is the same, and after the release the guard fails. */
  async #downgrade(): Promise<void> {
    const { store, runtime } = this.context;
    const value = downgraded(this.#value);
    const txn = {
      compare: [createdAt(this.turn.key, this.fence)],
      success: [{ type: 'put', request: { key: this.turn.key, value, ignoreLease: true } } as const],
    };
    const { succeeded } = await untilAnswered(runtime, this.session.signal, () => store.txn(txn));
    // An answer may come after the end of the lease that it speaks of.
    this.assertHeld();
    if (succeeded) return;
    throw new ConclaveError('LOST', `${this.name}: its key was deleted`, { loss: 'key-deleted' });
  }
}
