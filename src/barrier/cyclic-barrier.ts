import type { RecipeContext } from '../line/context.js';
import { farewell } from '../line/keep-or-leave.js';
import { leave } from '../line/leave.js';
import { type MeetingPlace, meet, meetingPlace, type PartiesOptions } from './meet.js';
import type { PartyOptions } from './party.js';

/** What it is called; its plural is where they live, below the namespace. */
const kind = 'cyclic-barrier';

/** Where several wait for each other, again and again. README.md beside this file says what it promises. */
export class CyclicBarrier {
  readonly name: string;
  readonly #place: MeetingPlace;

  /** @throws ConclaveError `INVALID_NAME`; `INVALID_ARGUMENT` unless `parties` is a whole number from 1 to 100. */
  constructor(context: RecipeContext, name: string, options: PartiesOptions) {
    this.name = name;
    this.#place = meetingPlace(context, kind, name, options);
  }

  /**
   * Waits until all parties wait; each call is a party. Resolves to the order of arrival among those who met: exactly
   * one of them gets 0. An abort or timeout takes the party out again, and the others wait on.
   * @throws `signal.reason` itself; ConclaveError `TIMEOUT`, `SESSION_LOST`, `LOST`; `MISMATCH` when who came first has
   * another number of parties.
   */
  async wait(options: PartyOptions = {}): Promise<number> {
    const { party, place } = await meet(this.#place, options);
    const { context } = this.#place;
    const { session, key, revision: fence, nonce } = party;
    await farewell(context, leave(context, session, { key, fence, nonce }));
    return place;
  }
}
