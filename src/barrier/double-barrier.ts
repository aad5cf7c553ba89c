import type { WaitOptions } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import type { RecipeContext } from '../line/context.js';
import { type MeetingPlace, type Met, meet, meetingPlace, type PartiesOptions, part } from './meet.js';
import type { PartyOptions } from './party.js';

/** What it is called; its plural is where they live, below the namespace. */
const kind = 'double-barrier';

/**
 * A piece of work that several begin together and end together. One object is one party. README.md beside this file
 * says what it promises.
 */
export class DoubleBarrier {
  readonly name: string;
  readonly #place: MeetingPlace;
  #met: Met | undefined;
  #entering = false;

  /** @throws ConclaveError `INVALID_NAME`; `INVALID_ARGUMENT` unless `parties` is a whole number from 1 to 100. */
  constructor(context: RecipeContext, name: string, options: PartiesOptions) {
    this.name = name;
    this.#place = meetingPlace(context, kind, name, options);
  }

  /**
   * Waits until all parties have entered. An abort or timeout takes the party out again.
   * @throws `signal.reason` itself; ConclaveError `TIMEOUT`, `SESSION_LOST`, `LOST`; `MISMATCH` when who came first has
   * another number of parties; `FAILED_PRECONDITION` when this party has entered and not left.
   */
  async enter(options: PartyOptions = {}): Promise<void> {
    if (this.#entering || this.#met?.party.session.alive) throw this.#refusal('has entered already');
    this.#entering = true;
    try {
      this.#met = await meet(this.#place, options);
    } finally {
      this.#entering = false;
    }
  }

  /**
   * Leaves, and waits until all who entered together have left or are lost. After an abort or timeout this party has
   * left all the same, and another call only waits.
   * @throws `signal.reason` itself; ConclaveError `TIMEOUT`; `SESSION_LOST` when this party is lost itself;
   * `FAILED_PRECONDITION` when it has not entered.
   */
  async leave(options: WaitOptions = {}): Promise<void> {
    const met = this.#met;
    if (met === undefined) throw this.#refusal('has not entered');
    await part(this.#place, met, options);
    if (this.#met === met) this.#met = undefined;
  }

  #refusal(what: string): ConclaveError {
    return new ConclaveError('FAILED_PRECONDITION', `this party of double barrier ${this.name} ${what}`);
  }
}
