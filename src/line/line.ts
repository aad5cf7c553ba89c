import { type AnySignal, abortable } from '../core/abort.js';
import { type Bytes, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { Footing } from '../lease/footing.js';
import type { SessionContext } from '../lease/session.js';
import type { Event, ResponseHeader } from '../store/messages.js';
import { untilAnsweredOrAborted } from '../store/repeat.js';
import type { Wait } from './admit.js';
import { Doorbell } from './doorbell.js';
import { type Entry, enter, enterIfFree, type Leaving, type NewPlace } from './enter.js';
import { goneHead } from './head.js';
import { keepOrLeave } from './keep-or-leave.js';
import { leave, type NamedByNonce, type OwnPlace, passOn, sweep, sweepLate, sweepNamed } from './leave.js';
import { newPlaceKey, type Place } from './place.js';
import { type Rule, sameWait } from './rule.js';
import { look, lookAfterHead, lookAgain, type Seen, type Standing } from './sight.js';

/** A place whose turn has come. */
export interface Turn extends OwnPlace {
  /** Whether anybody can have come behind it by now: not, if the request that made the place showed its turn, too. */
  readonly waited?: boolean | undefined;
  /** A revision as of which it was held; what was before is none of its holder's. Default: the fence. */
  readonly asOf?: bigint | undefined;
  /** How many keys are in the line, if that is known. */
  readonly length?: number | undefined;
  /** How its holder leaves, if that is more than to delete the key. */
  leave?(): Promise<void>;
  /** Called when its holder has lost it. */
  lost?(): void;
}

/** A turn with the value that stands in its place. */
export interface HeldTurn extends Turn {
  readonly value: Bytes;
}

/** How to join. */
export interface JoinOptions {
  /** Written into the place's key for whoever knows to read it. Default: what the rule writes there. */
  readonly tail?: string | undefined;
  /** A place of the same session that goes when this one comes; not in a line with an agreement. */
  readonly instead?: Leaving | undefined;
}

/** A place whose key is not ours to draw. Whoever stands in the line with the same lease has the same one. */
export interface NamedPlace {
  readonly key: Bytes;
  readonly value: Bytes;
  /** A revision that the store has passed: a place made before it is none of this acquisition's. */
  readonly since: bigint;
  /** Called before anything else if the place is there already. */
  onFound?(found: Place, signal: AnySignal): Promise<void>;
}

/** A named place whose turn has come. */
export interface NamedTurn extends Turn {
  /** Of the request that made or found the place. */
  readonly entered: ResponseHeader;
  /** Of the read that showed its turn. */
  readonly admitted: ResponseHeader;
}

/** However quiet the watches are, look again after this long: a dropped DELETE must not hang a waiter. */
export const lookAgainMs = 10_000;

/** A place to be made: one that may be moved, or a named one with its `since`. */
type Wanted = NewPlace &
  (NamedByNonce | { readonly stem?: undefined; readonly nonce?: undefined; readonly since: bigint });

/**
 * One waiting line: places under a prefix in the order of their create revisions. Whose turn it is says the rule of its
 * kind: of locks and elections the first one's, of readers and semaphores that of several.
 */
export class Line {
  readonly #context: SessionContext;
  readonly #footing: Footing;
  readonly #rule: Rule;
  readonly #entered: (entry: Entry | undefined) => void;

  /**
   * `entered` is called when the store has answered the wish for a place: before, a lost session costs nobody one.
   * Undefined: it made none.
   */
  constructor(
    context: SessionContext,
    footing: Footing,
    rule: Rule,
    entered: (entry: Entry | undefined) => void = () => {},
  ) {
    this.#context = context;
    this.#footing = footing;
    this.#rule = rule;
    this.#entered = entered;
  }

  /**
   * Waits for its turn, wherever in the line it is moved meanwhile. However it fails, its place is taken away again.
   * @throws `signal.reason` itself; ConclaveError `SESSION_LOST` when the session ends, `LOST` when somebody deleted
   * the place.
   */
  join(value: Bytes, signal: AbortSignal, { tail, instead }: JoinOptions = {}): Promise<Turn> {
    const place = this.#newPlace(value, tail);
    const attempt = (again: boolean) => enter(this.#context.store, this.#rule, place, { again, instead });
    return this.#keepOrLeave(place, attempt, signal, (entry, either) => this.#untilAdmitted(entry, place, either));
  }

  /**
   * As `join`, with a key of the caller's. A place that is there already is taken for the caller's own, and stays if
   * this call fails.
   */
  async joinAs(named: NamedPlace, signal: AbortSignal): Promise<NamedTurn> {
    const { key, value, since } = named;
    const place = { key, value, since, lease: this.#footing.leaseId };
    const attempt = () => enter(this.#context.store, this.#rule, place);
    return this.#keepOrLeave(place, attempt, signal, async (entry, either) => {
      if (entry.found !== undefined) await named.onFound?.(entry.found, either);
      const { admitted } = await this.#untilAdmitted(entry, place, either);
      return { key, fence: entry.createRevision, entered: entry.header, admitted };
    });
  }

  /** Its turn if that has come already, else undefined with nothing left behind. Throws as `join`. */
  async joinIfFree(value: Bytes, signal: AbortSignal): Promise<Turn | undefined> {
    const place = this.#newPlace(value);
    const { nonce } = place;
    const attempt = () => enterIfFree(this.#context.store, this.#rule, place);
    const joined = await this.#keepOrLeave(place, attempt, signal, async (entry, either) => {
      if (entry === undefined) return undefined;
      const turn = { key: entry.key, fence: entry.createRevision, nonce };
      if (entry.seen.verdict.type === 'admitted') return turn;
      await abortable(leave(this.#context, this.#footing, turn), either);
      return undefined;
    });
    if (joined === undefined) nonce.free();
    return joined;
  }

  #newPlace(value: Bytes, tail = this.#rule.tail) {
    const { stands } = this.#rule;
    const lease = this.#footing.leaseId;
    const nonce = this.#footing.nonces.take(stands);
    const { key, stem } = newPlaceKey(nonce.text, stands, lease, tail);
    return { key, stem, value, lease, nonce };
  }

  /** `keepOrLeave` for one place. */
  #keepOrLeave<E extends Entry | undefined, T extends Turn | undefined>(
    place: Wanted,
    attempt: (again: boolean) => Promise<E>,
    signal: AbortSignal,
    then: (entry: E, either: AnySignal) => Promise<T>,
  ): Promise<T> {
    const acquisition = {
      attempt,
      proceed: (entry: E, either: AnySignal) => {
        this.#entered(entry);
        return then(entry, either);
      },
      sweep: (entered: Promise<E>, doubtful: () => boolean) => this.#sweep(place, entered, doubtful),
      sweepLate: (turn: T) => {
        if (place.stem !== undefined) void sweepLate(this.#context, this.#footing, place, turn?.fence ?? 0n);
      },
    };
    return keepOrLeave(this.#context, this.#footing, acquisition, signal);
  }

  /** One round per change in front of the place, per move of it, or per `lookAgainMs`; ends with `signal`. */
  async #untilAdmitted(
    entry: Entry,
    { stem, nonce }: Wanted,
    signal: AnySignal,
  ): Promise<Turn & Pick<NamedTurn, 'admitted'>> {
    let standing: Standing = { key: entry.key, createRevision: entry.createRevision, stem };
    let seen = entry.seen;
    while (seen.verdict.type !== 'admitted') {
      const { verdict } = seen;
      if (verdict.type === 'gone') throw placeDeleted(standing.key);
      if (verdict.type === 'moved') {
        standing = { ...verdict.to, stem };
        seen = await this.#look(standing, signal);
      } else {
        seen = await this.#wait(verdict, standing, signal);
      }
    }
    // Admitted by another read than the one that made the place: somebody may have seen it waiting in between.
    const { key, createRevision } = standing;
    const waited = seen.header.revision !== createRevision;
    if (waited && this.#rule.passesOn) void passOn(this.#context, this.#footing, standing);
    return { key, fence: createRevision, nonce, waited, length: seen.length, admitted: seen.header };
  }

  /** `wait`: what the last look has said. `heard`: what has happened since. */
  #look(standing: Standing, signal: AnySignal, wait?: Wait, heard: readonly Event[] = []): Promise<Seen> {
    const { store, runtime } = this.#context;
    const rule = this.#rule;
    const gone = rule.tellsNext === true && wait?.type === 'wait' ? goneHead(wait.behind, heard) : undefined;
    const attempt = () => {
      if (wait === undefined) return look(store, rule, standing);
      return gone === undefined ? lookAgain(store, rule, standing, wait) : lookAfterHead(store, rule, standing, gone);
    };
    return untilAnsweredOrAborted(runtime, signal, attempt);
  }

  /**
   * Watches what the place waits for and its key, and looks: once, whenever it has been quiet for long, at the ring.
   */
  async #wait(wait: Wait, standing: Standing, signal: AnySignal): Promise<Seen> {
    const { store, runtime } = this.#context;
    const bell = new Doorbell(store, runtime, this.#rule.bells(wait, standing.key), lookAgainMs);
    try {
      // The watch comes first: what happens after the look rings, and no event is older than the watch.
      await abortable(bell.armed, signal);
      for (let rung = false; !rung; rung = await abortable(bell.rings(), signal)) {
        const seen = await this.#look(standing, signal, wait);
        if (!sameWait(seen.verdict, wait)) return seen;
      }
    } finally {
      bell.close();
    }
    return this.#look(standing, signal, wait, bell.heard);
  }

  async #sweep(place: Wanted, entered: Promise<Entry | undefined>, doubtful: () => boolean): Promise<void> {
    if (place.stem === undefined) return sweepNamed(this.#context, this.#footing, place, entered, doubtful);
    await sweep(this.#context, this.#footing, place, entered, doubtful);
  }
}

function placeDeleted(key: Bytes): ConclaveError {
  return new ConclaveError('LOST', `the place ${utf8Text(key)} was deleted while it waited`, { loss: 'key-deleted' });
}
