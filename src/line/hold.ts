import { onAbort } from '../core/abort.js';
import { utf8Text } from '../core/bytes.js';
import { ConclaveError, type LossReason } from '../core/errors.js';
import { onSessionEnd, type Session, type SessionContext } from '../lease/session.js';
import type { Compare } from '../store/messages.js';
import { createdAt } from '../store/ops.js';
import { unanswered } from '../store/repeat.js';
import type { Held } from './held.js';
import { KeyGuard } from './key-guard.js';
import { leave } from './leave.js';
import type { Turn } from './line.js';

/** How long `release()` waits for the store's word. */
const releaseTimeoutMs = 5000;

/** The first place of a line, in this process's hands: a lock that is held, a leadership. */
export class Hold implements Held {
  readonly name: string;
  readonly key: string;
  readonly fence: bigint;
  protected readonly context: SessionContext;
  protected readonly session: Session;
  protected readonly turn: Turn;
  readonly #ended = new AbortController();
  readonly #cleanups: (() => void)[] = [];
  #over: ConclaveError | undefined;

  constructor(context: SessionContext, session: Session, name: string, turn: Turn) {
    this.context = context;
    this.session = session;
    this.name = name;
    this.turn = turn;
    this.key = utf8Text(turn.key);
    this.fence = turn.fence;
    const guard = new KeyGuard(context, session, turn, (loss) => this.#keyGone(loss));
    this.#cleanups.push(guard.start());
    this.#cleanups.push(onSessionEnd(session, (error) => this.#end(error)));
  }

  get leaseId(): bigint {
    return this.session.leaseId;
  }

  get held(): boolean {
    return this.#over === undefined && this.session.alive;
  }

  get remainingMs(): number {
    return this.#over === undefined ? this.session.remainingMs : 0;
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Why it was lost; undefined while held, and after a release. */
  get loss(): LossReason | undefined {
    // `held` first: it ends a session whose deadline has passed with no timer to tell.
    return this.held ? undefined : this.#over?.loss;
  }

  /** Why this is over, lost or released; undefined while it is not. */
  protected get over(): ConclaveError | undefined {
    return this.#over;
  }

  guard(): Compare {
    return createdAt(this.turn.key, this.fence);
  }

  /** Tells the work to stop, and keeps the place until `release()`: work stops before anyone else can begin. */
  stop(reason: unknown): void {
    this.#ended.abort(reason);
  }

  async release(): Promise<void> {
    if (this.#over?.code === 'RELEASED') throw this.#over;
    if (!this.held) return;
    this.letGo('released');
    await this.confirmed(leave(this.context, this.session, this.turn.key, this.fence));
  }

  /** Like `release()`, and nothing at all when it has been called before. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#over === undefined) await this.release();
  }

  /** @throws ConclaveError why it was lost; a release is no loss. */
  assertNotLost(): void {
    if (this.held || this.#over?.code === 'RELEASED') return;
    throw this.#over ?? new ConclaveError('LOST', `${this.name}: lost`, { loss: this.session.loss });
  }

  /** Over in this process, before the store is told. */
  protected letGo(why: string): void {
    this.#end(new ConclaveError('RELEASED', `${this.name}: ${why}`));
  }

  #keyGone(loss: LossReason): void {
    const what = loss === 'taken-over' ? 'another process has resumed it' : 'its key was deleted';
    this.#end(new ConclaveError('LOST', `${this.name}: ${what}`, { loss }));
    // Usually the whole lease went: whoever shares the session should hear of it now, not at the next beat.
    void this.session.verify();
  }

  #end(error: ConclaveError): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    for (const cleanup of this.#cleanups.splice(0)) cleanup();
    this.#ended.abort(error);
  }

  /** The store's word that this is gone, or `TIMEOUT`. */
  protected confirmed(leaving: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const message = `${this.name}: the store did not confirm the release within ${releaseTimeoutMs} ms`;
      const giveUp = () => reject(new ConclaveError('TIMEOUT', message, { outcome: 'unknown' }));
      const stopTimer = this.context.runtime.setTimer(releaseTimeoutMs, giveUp);
      leaving.then(resolve, reject).finally(stopTimer);
    });
  }
}

/**
 * Runs `work` while `hold` lasts and lets go when it has settled, not before. Loss rejects even if `work` resolves
 * later.
 */
export async function whileHeld<H extends Hold, T>(
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
    if (!unanswered(error)) throw error;
  }
  return result;
}
