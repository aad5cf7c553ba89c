import { onAbort } from '../core/abort.js';
import type { Bytes } from '../core/bytes.js';
import { type Deferred, deferred } from '../core/deferred.js';
import { Few } from '../core/few.js';
import type { Nonce } from '../lease/nonces.js';
import type { Session, SessionContext } from '../lease/session.js';
import type { RequestOp } from '../store/messages.js';
import { modifiedAt } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import type { Leaving } from './enter.js';
import { withHead } from './head.js';
import { farewell } from './keep-or-leave.js';
import { leave } from './leave.js';
import { type HeldTurn, Line, type Turn } from './line.js';
import type { Rule } from './rule.js';

/** Who wants its turn. */
export interface Caller {
  /** What its place tells of it, and of how many callers it is the place. */
  value(callers: number): Bytes;
  /** Called when the store has answered the wish for its place. */
  entered(): void;
}

export interface CrowdLimits {
  /** How many callers of one session have places of their own in a line. Default: 8. */
  readonly ownPlaces: number;
  /** In a line with so many keys the head tells who comes next (`head.ts`). Default: 256. */
  readonly longLine: number;
}

interface Waiter {
  readonly caller: Caller;
  readonly signal: AbortSignal;
  readonly turn: Deferred<HeldTurn>;
}

/**
 * All callers of one session in one line that they hold alone. A few stand in the line themselves, one after the other.
 * When there are more it is a crowd: the others wait here, in the order in which they came, and cost the store nothing.
 * Once those who stand there have had their turns one place stands for all who wait, the first of them gets its turn,
 * and with the request that takes away its place the next one comes, behind whoever else has come meanwhile.
 *
 * The turn is never just handed on: a fence is a create revision, and one that is newer than the places that wait
 * behind must have its turn after them.
 */
export class Crowd {
  readonly #context: SessionContext;
  readonly #session: Session;
  readonly #rule: Rule;
  readonly #limits: CrowdLimits;
  readonly #idle: () => void;
  readonly #waiting = new Few<Waiter>();
  /** The places of ours that are in the line, or may be. */
  #places = 0;
  /** Whose own place is being made: the next one's comes after it. */
  #entering: Caller | undefined;
  /** Whether more have come than may have places of their own, until nobody waits here. */
  #crowded = false;
  /** The place of all who wait, until one of them has its turn. */
  #shared: { readonly giveUp: AbortController; readonly settled: Promise<void> } | undefined;

  /** `idle` is called when nobody stands or waits any more. */
  constructor(context: SessionContext, session: Session, rule: Rule, limits: CrowdLimits, idle: () => void) {
    this.#context = context;
    this.#session = session;
    this.#rule = rule;
    this.#limits = limits;
    this.#idle = idle;
  }

  /** Waits for its turn. Throws as `Line.join`; `LOST` for the place of a crowd gets the first of them only. */
  take(caller: Caller, signal: AbortSignal): Promise<HeldTurn> {
    const isNext = this.#waiting.size === 0 && this.#entering === undefined && this.#places < this.#limits.ownPlaces;
    return isNext ? this.#enterAlone(caller, signal) : this.#wait(caller, signal);
  }

  async #wait(caller: Caller, signal: AbortSignal): Promise<HeldTurn> {
    const waiter: Waiter = { caller, signal, turn: deferred() };
    this.#waiting.add(waiter);
    if (this.#places + this.#waiting.size > this.#limits.ownPlaces) this.#crowded = true;
    this.#advance();
    const unlink = onAbort(signal, (reason) => this.#stopWaiting(waiter, reason));
    try {
      return await waiter.turn.promise;
    } finally {
      unlink();
    }
  }

  /** Lets those who wait here into the line, as far as they may. As long as somebody waits there is a place of ours. */
  #advance(): void {
    const { size } = this.#waiting;
    if (size === 0 && this.#places === 0) this.#idle();
    if (size === 0 || this.#places >= (this.#crowded ? 1 : this.#limits.ownPlaces)) return;
    if (this.#crowded) {
      this.#enterForAll();
    } else if (this.#entering === undefined) {
      const next = this.#nextWaiter();
      next?.turn.resolve(this.#enterAlone(next.caller, next.signal));
    }
  }

  async #enterAlone(caller: Caller, signal: AbortSignal): Promise<HeldTurn> {
    this.#places += 1;
    this.#entering = caller;
    const entered = () => {
      if (this.#entering !== caller) return;
      this.#entering = undefined;
      this.#advance();
    };
    try {
      const value = caller.value(1);
      const own = await this.#line(caller, entered).join(value, signal);
      return this.#crowdTurn(own, value, value);
    } catch (error) {
      this.placeGone();
      entered();
      throw error;
    }
  }

  /** The place of all stays for the others; the last one waits until it is gone. */
  #stopWaiting(waiter: Waiter, reason: unknown): void {
    if (!this.#forget(waiter)) return;
    const shared = this.#waiting.size === 0 ? this.#shared : undefined;
    shared?.giveUp.abort(reason);
    void Promise.resolve(shared?.settled).then(() => waiter.turn.reject(reason));
  }

  /** Whether it waited here. */
  #forget(waiter: Waiter): boolean {
    const waited = this.#waiting.delete(waiter);
    if (this.#waiting.size === 0) this.#crowded = false;
    return waited;
  }

  /** A place of ours is no more, or left to itself, and nothing has come instead. */
  placeGone(): void {
    this.#places -= 1;
    const { aborted, reason } = this.#session.signal;
    if (aborted && this.#places === 0) {
      for (const waiter of this.#waiting) {
        this.#forget(waiter);
        waiter.turn.reject(reason);
      }
    }
    this.#advance();
  }

  /** For a turn that was given here and has not ended. Resolves when the place is gone. */
  leave(turn: Turn): Promise<void> {
    if (this.#places === 1 && this.#waiting.size > 0) return this.#leaveToNext(turn);
    this.placeGone();
    return this.remove(turn);
  }

  /** For a turn that has ended: takes away what it has left. */
  remove(turn: Turn): Promise<void> {
    return leave(this.#context, this.#session, turn);
  }

  async #leaveToNext(turn: Turn): Promise<void> {
    this.#places = 0;
    const gone = deferred<boolean>();
    const { giveUp, settled } = this.#enterForAll({
      key: turn.key,
      createRevision: turn.fence,
      gone: () => {
        turn.nonce?.free();
        gone.resolve(true);
      },
    });
    onAbort(giveUp.signal, () => gone.resolve(false));
    void settled.then(() => gone.resolve(false));
    if (!(await gone.promise)) await this.remove(turn);
  }

  #enterForAll(instead?: Leaving) {
    const giveUp = new AbortController();
    this.#places = 1;
    this.#crowded = true;
    const shared = { giveUp, settled: this.#standForAll(giveUp.signal, instead) };
    this.#shared = shared;
    return shared;
  }

  /** Never rejects. There is somebody who waits. */
  async #standForAll(signal: AbortSignal, instead: Leaving | undefined): Promise<void> {
    const [first] = this.#waiting as Iterable<Waiter> as [Waiter];
    const value = first.caller.value(this.#waiting.size);
    try {
      const turn = await this.#line(first.caller, () => {}).join(value, signal, { instead });
      this.#shared = undefined;
      const next = this.#nextWaiter();
      if (next === undefined) await farewell(this.#context, this.leave(turn));
      else if (next === first) next.turn.resolve(this.#crowdTurn(turn, value, value));
      else next.turn.resolve(this.#crowdTurn(turn, value, next.caller.value(this.#waiting.size + 1)));
    } catch (error) {
      this.#shared = undefined;
      // Given up: whoever waits now has come since.
      if (!signal.aborted) this.#nextWaiter()?.turn.reject(error);
      this.placeGone();
    }
  }

  #nextWaiter(): Waiter | undefined {
    const [next] = this.#waiting;
    if (next !== undefined) this.#forget(next);
    return next;
  }

  #line({ entered }: Caller, also: () => void): Line {
    return new Line(this.#context, this.#session, this.#rule, () => {
      entered();
      also();
    });
  }

  /** `written`: what stands in the place; `name`: what it is to tell of its owner. */
  #crowdTurn(turn: Turn, written: Bytes, name: Bytes): HeldTurn {
    const value = this.#tellsNext(turn) ? withHead(name, turn.fence, turn) : name;
    if (value !== written) this.#rewrite(turn, value);
    return new CrowdTurn(this, turn, value);
  }

  /** Not of a turn that came at once: it may be over as soon. */
  #tellsNext(turn: Turn): turn is Turn & { readonly length: number } {
    return turn.waited === true && turn.length !== undefined && turn.length >= this.#limits.longLine;
  }

  /**
   * Behind the turn: the place was made when somebody else was the first of all who wait, or not yet known to be the
   * head of a long line. The first is for people; the second saves who comes next the reading of the line.
   */
  #rewrite({ key, fence }: Turn, value: Bytes): void {
    const { store, runtime } = this.#context;
    const put: RequestOp = { type: 'put', request: { key, value, ignoreLease: true } };
    // Not over what its holder has written since.
    const txn = { compare: [modifiedAt(key, fence)], success: [put] };
    void untilAnswered(runtime, this.#session.signal, () => store.txn(txn)).catch(() => {});
  }
}

/** A turn in a line in which a whole session stands: the crowd hears once how it has ended. */
class CrowdTurn implements HeldTurn {
  readonly key: Bytes;
  readonly fence: bigint;
  readonly nonce: Nonce | undefined;
  readonly value: Bytes;
  readonly #crowd: Crowd;
  #over = false;

  constructor(crowd: Crowd, { key, fence, nonce }: Turn, value: Bytes) {
    this.key = key;
    this.fence = fence;
    this.nonce = nonce;
    this.value = value;
    this.#crowd = crowd;
  }

  leave(): Promise<void> {
    if (this.#over) return this.#crowd.remove(this);
    this.#over = true;
    return this.#crowd.leave(this);
  }

  lost(): void {
    if (this.#over) return;
    this.#over = true;
    this.#crowd.placeGone();
  }
}
