import { abortable, linkSignals, pause } from '../core/abort.js';
import { type Bytes, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { Session, SessionContext } from '../lease/session.js';
import { unanswered, untilAnswered } from '../store/repeat.js';
import { admit, type Sight } from './admit.js';
import { Doorbell } from './doorbell.js';
import { type Entry, enter, enterIfEmpty, type NewPlace } from './enter.js';
import { leave, sweep, sweepLate } from './leave.js';
import { newPlaceKey, type Place } from './place.js';
import { look } from './sight.js';

/** A place that has come to the front. */
export interface Turn {
  readonly key: Bytes;
  /** The place's create revision: grows with every later holder of the line. */
  readonly fence: bigint;
}

/** However quiet the watches are, look again after this long: a dropped DELETE must not hang a waiter. */
export const lookAgainMs = 10_000;

/** How long a failed call waits for its place to be gone before it rejects anyway; the clean-up goes on behind it. */
export const farewellMs = 1000;

/**
 * One waiting line: places under a prefix in the order of their create revisions; the first one holds. Locks and
 * elections are this line with different values in the places.
 */
export class Line {
  readonly #context: SessionContext;
  readonly #session: Session;
  readonly #prefix: Bytes;
  #entered = false;

  constructor(context: SessionContext, session: Session, prefix: Bytes) {
    this.#context = context;
    this.#session = session;
    this.#prefix = prefix;
  }

  /** Whether the store has answered the wish for a place; before that a lost session has cost nobody a place. */
  get entered(): boolean {
    return this.#entered;
  }

  /**
   * Waits for its turn. However it fails, its place is taken away again.
   * @throws `signal.reason` itself; ConclaveError `SESSION_LOST` when the session ends, `LOST` when somebody deleted
   * the place.
   */
  async join(value: Bytes, signal: AbortSignal): Promise<Turn> {
    const place = this.#newPlace(value);
    const attempt = () => enter(this.#context.store, this.#prefix, place);
    return this.#keepOrLeave(place, attempt, signal, async (entry, either) => {
      await this.#comeToFront(place.key, entry, either);
      return { key: place.key, fence: entry.createRevision };
    });
  }

  /** Its turn if nobody stands in the line, else undefined with nothing left behind. Throws as `join`. */
  async joinIfEmpty(value: Bytes, signal: AbortSignal): Promise<Turn | undefined> {
    const place = this.#newPlace(value);
    const attempt = () => enterIfEmpty(this.#context.store, this.#prefix, place);
    return this.#keepOrLeave(place, attempt, signal, async (entry, either) => {
      if (entry === undefined) return undefined;
      if (admit(entry.sight).type === 'admitted') return { key: place.key, fence: entry.createRevision };
      await abortable(leave(this.#context, this.#session, place.key, entry.createRevision), either);
      return undefined;
    });
  }

  #newPlace(value: Bytes): NewPlace {
    const lease = this.#session.leaseId;
    return { key: newPlaceKey(this.#context.runtime, this.#prefix, lease), value, lease };
  }

  /**
   * Sends `attempt` until it is answered, then runs `then`; if anything fails from the first send on, takes the place
   * away.
   * `then` gets a signal that ends with the caller's and with the session. A try that was never answered may be
   * applied yet, when a later one has long been: what it makes then is taken away as well.
   */
  async #keepOrLeave<E, T extends Turn | undefined>(
    place: NewPlace,
    attempt: () => Promise<E>,
    signal: AbortSignal,
    then: (entry: E, either: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const either = linkSignals(signal, this.#session.signal);
    let doubtful = false;
    const noting = async () => {
      try {
        return await attempt();
      } catch (error) {
        doubtful ||= unanswered(error);
        throw error;
      }
    };
    const entered = untilAnswered(this.#context.runtime, either.signal, noting);
    try {
      const entry = await abortable(entered, either.signal);
      this.#entered = true;
      const turn = await then(entry, either.signal);
      either.signal.throwIfAborted();
      this.#session.assertAlive();
      if (doubtful) void sweepLate(this.#context, this.#session, place.key, turn?.fence ?? 0n);
      return turn;
    } catch (error) {
      await this.#farewell(place.key, entered, () => doubtful);
      throw await this.#explain(error, either.signal);
    } finally {
      either.unlink();
    }
  }

  /** One round per change in front of the place, or per `lookAgainMs`; ends with `signal`. */
  async #comeToFront(key: Bytes, entry: Entry, signal: AbortSignal): Promise<void> {
    for (let verdict = admit(entry.sight); verdict.type !== 'admitted'; ) {
      if (verdict.type === 'gone') throw placeDeleted(key);
      verdict = admit(await this.#waitBehind(verdict.behind, key, entry.createRevision, signal));
    }
  }

  /** Watches the predecessor and the own key, looks, and unless that has changed anything looks again at the ring. */
  async #waitBehind(behind: Place, key: Bytes, createRevision: bigint, signal: AbortSignal): Promise<Sight> {
    const { store, runtime } = this.#context;
    const lookNow = () => look(store, this.#prefix, key, createRevision);
    const bell = new Doorbell(store, runtime, [behind.key, key], lookAgainMs);
    try {
      // The watch comes first: what happens after the look rings, and no event is older than the watch.
      await abortable(bell.armed, signal);
      const sight = await abortable(untilAnswered(runtime, signal, lookNow), signal);
      const verdict = admit(sight);
      if (verdict.type !== 'wait' || verdict.behind.createRevision !== behind.createRevision) return sight;
      await abortable(bell.rung, signal);
    } finally {
      bell.close();
    }
    return abortable(untilAnswered(runtime, signal, lookNow), signal);
  }

  /** Takes the place away; waits for that a moment, so that the caller usually finds nothing left, but never long. */
  async #farewell(key: Bytes, entered: Promise<unknown>, doubtful: () => boolean): Promise<void> {
    const { runtime } = this.#context;
    const enough = new AbortController();
    const gone = sweep(this.#context, this.#session, key, entered).then(() => {
      if (doubtful()) void sweepLate(this.#context, this.#session, key, 0n);
    });
    await Promise.race([gone, pause(runtime, farewellMs, enough.signal).catch(() => {})]);
    enough.abort();
  }

  /** Tells a lost lease from a deleted key: the one ends everything on the session, the other only this place. */
  async #explain(error: unknown, signal: AbortSignal): Promise<unknown> {
    if (ConclaveError.is(error, 'LEASE_NOT_FOUND')) this.#session.leaseGone();
    else if (ConclaveError.is(error, 'LOST')) await this.#session.verify();
    return signal.aborted ? signal.reason : error;
  }
}

function placeDeleted(key: Bytes): ConclaveError {
  return new ConclaveError('LOST', `the place ${utf8Text(key)} was deleted while it waited`, { loss: 'key-deleted' });
}
