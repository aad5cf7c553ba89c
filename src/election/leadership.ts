import { abortable, linkSignals, type WaitOptions, withDeadline } from '../core/abort.js';
import { type Bytes, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { Session } from '../lease/session.js';
import { Hold } from '../line/hold.js';
import { leave } from '../line/leave.js';
import type { Turn } from '../line/line.js';
import type { Place } from '../line/place.js';
import { bytesOf } from '../store/ops.js';
import { type Ground, whatOf } from './ground.js';
import { bringNext, type Candidate, isNoHandOver, leaveTo, notStanding, type Parting } from './hand-over.js';
import { proclaim } from './proclaim.js';

/** Of a leadership that does not begin with the campaign that won it. */
export interface LeadershipOptions {
  /** Whether `run()` lets go of it, when the work has settled. */
  readonly managed?: boolean;
  /** The mod revision of the value that stands. Default: that of the campaign. */
  readonly valueRevision?: bigint;
}

/** An election that was won: a place held, with a value that others observe. */
export class Leadership extends Hold {
  readonly #ground: Ground;
  readonly #managed: boolean;
  /** The mod revision of the value that stands: what comes next builds on it. */
  #valueRevision: bigint;
  #last: Promise<unknown> = Promise.resolve();
  /** Whom `run()` hands over to when the work has settled. */
  #successor: Candidate | undefined;

  constructor(ground: Ground, session: Session, turn: Turn, options: LeadershipOptions = {}) {
    super(ground.context, session, ground.name, turn);
    this.#ground = ground;
    this.#managed = options.managed ?? false;
    this.#valueRevision = options.valueRevision ?? this.fence;
  }

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
    const proclaimed = this.#last.then(() => this.#proclaim(bytesOf(value)));
    this.#last = proclaimed.catch(() => {});
    return proclaimed;
  }

  /** Steps down; resolves when the store has confirmed. The same as `release()`. */
  resign(): Promise<void> {
    return this.release();
  }

  /**
   * Hands over to `candidate`: whoever stands between is sent to the end of the line, in order, then this lets go, if
   * the candidate still stands. Nobody else leads in between. Until it lets go this leads, and goes on leading when it
   * rejects.
   *
   * Under `run()` it resolves as soon as the candidate is next and the work has been told to stop (`signal` aborts with
   * code `HAND_OVER`); it is handed over when the work has settled. Should the candidate have gone by then, the work is
   * started again in the same term.
   * @throws ConclaveError `NOT_FOUND` when no such candidate stands behind this, `FAILED_PRECONDITION` when it has not
   * kept its lease alive lately, or a candidate of Go or etcdctl stands between; `LOST`, `SESSION_LOST`, `RELEASED`
   * when this does not lead; `TIMEOUT`, the reason of `signal`. Only when the candidate goes in the very moment in
   * which this lets go (`NOT_FOUND`), or the store does not confirm within 5 s (`TIMEOUT`, unknown), this leads no
   * more: then whoever is next does. `NOT_FOUND` is `unknown` when the answer came only after both were gone: whether
   * the candidate has led in between is then not to be told.
   */
  async handOver(candidate: Candidate, options: WaitOptions = {}): Promise<void> {
    const what = `hand-over of ${whatOf(this.#ground)}`;
    const successor = await withDeadline(this.context.runtime, what, options, (signal) =>
      this.#bringNext(candidate, signal),
    );
    if (!this.held) throw this.#notLeader();
    if (this.#managed) {
      this.#successor = candidate;
      this.stop(new ConclaveError('HAND_OVER', `${this.name}: to be handed over to ${utf8Text(successor.key)}`));
    } else {
      this.letGo(`handed over to ${utf8Text(successor.key)}`);
      await this.confirmed(this.#partOrLeave(candidate, successor));
    }
  }

  /**
   * For `run()`, when the work has settled: hands over if that is planned, else steps down. Resolves with the same
   * leadership in new hands if whoever was to lead has gone, so that this leads on.
   */
  async stepDown(): Promise<Leadership | undefined> {
    const candidate = this.#successor;
    if (candidate === undefined || !this.held) {
      await this[Symbol.asyncDispose]();
      return undefined;
    }
    try {
      const successor = await this.#bringNext(candidate);
      this.letGo('handed over');
      if ((await this.#part(successor)) !== 'kept') return undefined;
    } catch (error) {
      if (!isNoHandOver(error)) throw error;
      this.letGo('goes on in other hands');
    }
    return new Leadership(this.#ground, this.session, this.turn, { managed: true, valueRevision: this.#valueRevision });
  }

  async #bringNext(candidate: Candidate, signal?: AbortSignal): Promise<Place> {
    if (!this.held) throw this.#notLeader();
    const either = linkSignals(signal, this.session.signal);
    try {
      return await abortable(bringNext(this.#ground, this.turn, candidate, either.signal), either.signal);
    } finally {
      either.unlink();
    }
  }

  #part(successor: Place): Promise<Parting> {
    return leaveTo(this.context, this.turn, successor, this.session.signal);
  }

  async #partOrLeave(candidate: Candidate, successor: Place): Promise<void> {
    const parting = await this.#part(successor);
    if (parting === 'handed-over') return;
    if (parting === 'kept') await leave(this.context, this.session, this.turn);
    throw notStanding(this.#ground, candidate, parting === 'gone' ? 'unknown' : 'not-applied');
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
