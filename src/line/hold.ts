import { onAbort, pause } from '../core/abort.js';
import { utf8Text } from '../core/bytes.js';
import { ConclaveError, type LossReason } from '../core/errors.js';
import { onSessionEnd, type Session, type SessionContext } from '../lease/session.js';
import { isOverfull } from '../store/etcd-errors.js';
import type { Compare } from '../store/messages.js';
import { createdAt } from '../store/ops.js';
import { unanswered } from '../store/repeat.js';
import { type Ending, Lost, Released } from './ending.js';
import type { Held, HeldBase } from './held.js';
import { HoldTime } from './hold-time.js';
import { KeyGuard } from './key-guard.js';
import { confirmed, leave, type OwnPlace } from './leave.js';
import type { Turn } from './line.js';
import { LossListeners } from './loss-listeners.js';

/** How long the work has to stop when a place is given up before its lease ends, until others may have it. */
export const stopGraceMs = 1000;

/** The turn of a line's place, in this process's hands: a lock that is held, a leadership. */
export class Hold implements Held {
  readonly name: string;
  readonly fence: bigint;
  protected readonly context: SessionContext;
  protected readonly session: Session;
  protected readonly turn: Turn;
  /** Made when it is asked for: most who hold something never do, and it costs more than the rest of this object. */
  #ended: AbortController | undefined;
  /** Why work was told to stop while this is kept, with or without anybody to hear it. */
  #stopped: { readonly reason: unknown } | undefined;
  /** Made when somebody listens. */
  #listeners: LossListeners | undefined;
  /** Undefined: no limit. */
  readonly #time: HoldTime | undefined;
  readonly #guard: KeyGuard;
  readonly #stopTimer: (() => void) | undefined;
  readonly #unlinkSession: (() => void) | undefined;
  #over: Ending | undefined;

  /** `maxHoldMs` as in `HoldOptions`. */
  constructor(context: SessionContext, session: Session, name: string, turn: Turn, maxHoldMs?: number) {
    this.context = context;
    this.session = session;
    this.name = name;
    this.turn = turn;
    this.fence = turn.fence;
    this.#time = maxHoldMs === undefined ? undefined : new HoldTime(context.runtime, maxHoldMs);
    this.#guard = new KeyGuard(context, session, turn, (loss) => this.#keyGone(loss));
    this.#stopTimer = this.#time?.start(() => this.held);
    this.#unlinkSession = onSessionEnd(session, (error) => this.end(error));
  }

  get key(): string {
    return utf8Text(this.turn.key);
  }

  get leaseId(): bigint {
    return this.session.leaseId;
  }

  get held(): boolean {
    return this.remainingMs > 0;
  }

  get remainingMs(): number {
    if (this.#over !== undefined) return 0;
    const remainingMs = this.#time?.remainingMs ?? Number.POSITIVE_INFINITY;
    if (remainingMs === 0) this.#heldTooLong();
    return Math.min(this.session.remainingMs, remainingMs);
  }

  get signal(): AbortSignal {
    this.#ended ??= new AbortController();
    const stopped = this.#stopped ?? (this.#over && { reason: this.#over.error });
    if (stopped !== undefined) this.#ended.abort(stopped.reason);
    return this.#ended.signal;
  }

  /** Why it was lost; undefined while held, and after a release. */
  get loss(): LossReason | undefined {
    // `held` first: it ends a session whose deadline has passed with no timer to tell.
    return this.held ? undefined : this.#over?.loss;
  }

  /** Why this is over, lost or released; undefined while it is not. */
  protected get over(): ConclaveError | undefined {
    return this.#over?.error;
  }

  get place(): OwnPlace {
    return this.turn;
  }

  guard(): Compare {
    return createdAt(this.turn.key, this.fence);
  }

  onLost(listener: (error: ConclaveError) => void): () => void {
    this.#listeners ??= new LossListeners();
    return this.#listeners.add(listener, this.#over?.error);
  }

  /** Tells the work to stop, and keeps the place until `release()`: work stops before anyone else can begin. */
  stop(reason: unknown): void {
    if (this.#over !== undefined) return;
    this.#stopped ??= { reason };
    this.#ended?.abort(reason);
  }

  async release(): Promise<void> {
    if (this.#over?.released === true) throw this.#over.error;
    if (!this.held && this.#over?.loss !== 'max-hold') return;
    this.letGo('released');
    await this.confirmed(this.#leave());
  }

  /** Like `release()`, and nothing at all when it has been called before. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#over === undefined || this.#over.loss === 'max-hold') await this.release();
  }

  /** @throws ConclaveError why it was lost; a release is no loss. */
  assertNotLost(): void {
    if (this.held || this.#over?.released === true) return;
    throw this.#over?.error ?? new ConclaveError('LOST', `${this.name}: lost`, { loss: this.session.loss });
  }

  /** Ends it here and leaves the place where it stands, to whoever lets go of several at once. */
  end(error: ConclaveError): void {
    this.#end(new Lost(error));
  }

  /** Over in this process, before the store is told. */
  protected letGo(why: string): void {
    this.#end(new Released(`${this.name}: ${why}`));
  }

  /** The store's word that this is gone, or `TIMEOUT`. */
  protected confirmed(leaving: Promise<void>): Promise<void> {
    return confirmed(this.context, this.name, leaving);
  }

  #keyGone(loss: LossReason): void {
    const what = loss === 'taken-over' ? 'another process has resumed it' : 'its key was deleted';
    this.end(new ConclaveError('LOST', `${this.name}: ${what}`, { loss }));
    // Usually the whole lease went: whoever shares the session should hear of it now, not at the next beat.
    void this.session.verify();
  }

  #heldTooLong(): void {
    this.end(new ConclaveError('LOST', `${this.name}: held for longer than allowed`, { loss: 'max-hold' }));
    // The session's end takes the place as well, should the store refuse.
    pause(this.context.runtime, stopGraceMs, this.session.signal)
      .then(() => this.#leave())
      .catch(() => {});
  }

  #leave(): Promise<void> {
    return this.turn.leave?.() ?? leave(this.context, this.session, this.turn);
  }

  #end(ending: Ending): void {
    if (this.#over !== undefined) {
      // What was held for too long is kept until it is let go of, or its session ends.
      if (this.#over.loss === 'max-hold' && ending.released) this.#over = ending;
      return;
    }
    this.#over = ending;
    this.#guard.stop();
    // Undefined: no limit, or it ends while it is made.
    this.#stopTimer?.();
    this.#unlinkSession?.();
    if (this.#stopped === undefined && this.#ended !== undefined) this.#ended.abort(ending.error);
    if (ending.released) {
      this.#listeners?.clear();
    } else {
      this.turn.lost?.();
      this.#listeners?.tell(ending.error);
    }
  }
}

/** What `whileHeld` needs of something that is held. */
export interface Workable extends HeldBase {
  [Symbol.asyncDispose](): Promise<void>;
  stop(reason: unknown): void;
  assertNotLost(): void;
}

/**
 * Runs `work` while `hold` lasts and lets go when it has settled, not before. Loss rejects even if `work` resolves
 * later.
 */
export async function whileHeld<H extends Workable, T>(
  hold: H,
  work: (held: H) => Promise<T> | T,
  signal?: AbortSignal,
): Promise<T> {
  const unlink = onAbort(signal, (reason) => hold.stop(reason));
  let result: T;
  try {
    result = await work(hold);
    hold.assertNotLost();
  } catch (error) {
    // The work's own error is what the caller needs to see: a release that fails as well must not hide it.
    await hold[Symbol.asyncDispose]().catch(() => {});
    throw error;
  } finally {
    unlink();
  }
  try {
    await hold[Symbol.asyncDispose]();
  } catch (error) {
    // The work is done and letting go goes on behind us: to reject would make the caller do the work again.
    if (!unanswered(error) || isOverfull(error)) throw error;
  }
  return result;
}
