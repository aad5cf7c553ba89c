import { abortable, linkSignals, pause, type WaitOptions, withDeadline } from '../core/abort.js';
import { latin1, utf8Text } from '../core/bytes.js';
import { type Deferred, deferred } from '../core/deferred.js';
import { ConclaveError } from '../core/errors.js';
import { byChance } from '../core/runtime.js';
import { isOverfull } from '../store/etcd-errors.js';
import type { KeyValue, TxnResponse } from '../store/messages.js';
import { Mirror } from '../store/mirror.js';
import { rangeAt } from '../store/ops.js';
import { unanswered, untilAnswered } from '../store/repeat.js';
import type { KeptKeySpec } from './kept-key-spec.js';
import { KeyWish } from './key-wish.js';
import { type Known, sameWish, stands, stepFrom } from './known-key.js';
import { endOrElse, type Session, type SessionContext } from './session.js';

/**
 * `pending`: not on the store yet for the first time; `kept`: as it should be; `recovering`: not known to be there;
 * `ended`: given up or taken away for good.
 */
export type KeptKeyStatus = 'pending' | 'kept' | 'recovering' | 'ended';

const firstPauseMs = 200;
const lastPauseMs = 5_000;

/** How long a request of unknown fate may be applied late, in TTLs: as the line has it (`src/line/README.md`). */
const lateTtls = 10;

/** How long `leave()` waits for the store's word, in milliseconds. */
const confirmMs = 5_000;

/**
 * Keeps one key on the store for ever, on whatever lease its process has: after a lost lease, a restart of the store,
 * a compaction, a partition or somebody's delete it is put there again and seen to be there. Each write is guarded by
 * the revision that was seen last, so that it never goes over what somebody else wrote. Registrations that do not come
 * back after an outage are what users of others report most (kratos #3883, go-zero #1926).
 */
export class KeptKey {
  readonly #context: SessionContext;
  readonly #spec: KeptKeySpec;
  readonly #wish: KeyWish;
  /** For those outside: no more is promised of the key. */
  readonly #ended = new AbortController();
  /** Nothing more is done to the key. */
  readonly #stopped = new AbortController();
  readonly #onStatus: (status: KeptKeyStatus, error?: ConclaveError) => void;
  #status: KeptKeyStatus = 'pending';
  #known: Known;
  #wake: () => void = () => {};
  /** Resolves when what `value()` says is on the store. */
  #written: Deferred<void> = deferred();
  #standing = false;
  /** A write is under way: its answer is newer than whatever the mirror tells meanwhile. */
  #writing = false;
  /** The mirror has told something that was not judged yet. */
  #news = false;
  #mirrorRevision = 0n;
  #mirror: Mirror | undefined;
  #stopMirror: () => void = () => {};
  #stopTimer: () => void = () => {};
  /** A put over what was not the keeper's own was never answered: it may be applied yet, whatever is there by then. */
  #doubtful = false;
  /** Something was asked of the store. */
  #asked = false;
  #ttlMs = 0;

  constructor(
    context: SessionContext,
    spec: KeptKeySpec,
    onStatus: (status: KeptKeyStatus, error?: ConclaveError) => void = () => {},
  ) {
    this.#context = context;
    this.#spec = spec;
    // What has been given up is to be absent.
    this.#wish = new KeyWish(() => (this.#ended.signal.aborted ? undefined : spec.value()));
    this.#onStatus = onStatus;
    this.#written.promise.catch(() => {});
    this.#doubtful = spec.before?.retire() ?? false;
  }

  get status(): KeptKeyStatus {
    return this.#status;
  }

  /** Aborts when it has ended, with the reason. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Aborts when nothing more is done to the key: later, where a request of unknown fate is looked for. */
  get stopped(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Stops at once; true: a request of unknown fate may be applied yet, and is its successor's to look for. */
  retire(): boolean {
    const doubtful = this.#asked && !this.#stopped.signal.aborted;
    this.end(new ConclaveError('RELEASED', `${utf8Text(this.#spec.key)} is kept by a successor`));
    return doubtful;
  }

  /**
   * Puts the key and keeps it; resolves when it stands there for the first time. `what` names it in a `TIMEOUT`.
   * @throws as `withDeadline`, and it goes on being put; ConclaveError `CONFLICT` when the key is somebody else's, or
   * what the store refuses for good: then nothing is kept.
   */
  start(what: string, options: WaitOptions = {}): Promise<void> {
    return withDeadline(this.#context.runtime, what, options, (signal) => {
      void this.#run();
      return abortable(this.#written.promise, signal);
    });
  }

  /**
   * `value()` says something new: resolves when that stands on the store, however long that takes.
   * @throws what the store refuses it with for good, which keeps what stood there before; why it has ended.
   */
  async changed(): Promise<void> {
    if (this.#ended.signal.aborted) throw this.#ended.signal.reason;
    this.#wish.renew();
    this.#renewWish();
    await this.#written.promise;
  }

  /**
   * For a `value()` that has become undefined: resolves when the key is gone, and has ended then. What a request of
   * unknown fate makes after all is looked for behind it and taken away.
   */
  async finish(error: ConclaveError): Promise<void> {
    if (this.#asked) await this.changed();
    this.#giveUp(error);
  }

  /**
   * The same for whoever waits: the end, however it comes, or 5 s. Idempotent.
   * @throws ConclaveError `TIMEOUT` (outcome unknown): it goes on being tried.
   */
  async leave(error: ConclaveError): Promise<void> {
    if (this.#ended.signal.aborted) return;
    const finished = this.finish(error);
    finished.catch(() => {});
    const what = `${utf8Text(this.#spec.key)}: the store did not confirm that it is gone`;
    try {
      await withDeadline(this.#context.runtime, what, { timeoutMs: confirmMs }, (signal) =>
        abortable(finished, signal),
      );
    } catch (failure) {
      if (ConclaveError.is(failure, 'TIMEOUT')) throw new ConclaveError('TIMEOUT', what, { outcome: 'unknown' });
    }
  }

  /** Stops keeping the key and leaves it where it is. Idempotent. */
  end(error: ConclaveError): void {
    this.#stopped.abort(error);
    this.#stopMirror();
    this.#stopTimer();
    this.#tellEnd(error);
  }

  /** The end, but for what a request of unknown fate makes after all: that is taken away as long as it may come. */
  #giveUp(error: ConclaveError): void {
    if (this.#ended.signal.aborted) return;
    if (!this.#doubtful) {
      this.end(error);
      return;
    }
    const lateMs = this.#ttlMs * lateTtls;
    this.#stopTimer = this.#context.runtime.setTimer(lateMs, () => this.end(error));
    this.#tellEnd(error);
    this.#watch();
    this.#wake();
  }

  #tellEnd(error: ConclaveError): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort(error);
    this.#written.reject(error);
    this.#turn('ended', error);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    let pauseMs = firstPauseMs;
    // Bounded by `end()`.
    while (!signal.aborted) {
      try {
        const woken = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        const session = await this.#standOn();
        pauseMs = firstPauseMs;
        await abortable(session === undefined ? woken : endOrElse(session, woken), signal);
        if (session?.signal.aborted) this.#turn('recovering', ConclaveError.from(session.signal.reason));
      } catch (error) {
        if (signal.aborted) return;
        const failure = ConclaveError.from(error);
        // Nothing is wished for, and what was made goes with the lease.
        if (this.#wish.value === undefined && failure.loss === 'closed') return this.end(failure);
        if (!this.#mayPass(error)) {
          if (this.#ended.signal.aborted) this.end(failure);
          else if (!this.#settles(failure)) this.#giveUp(failure);
          continue;
        }
        this.#turn('recovering', failure);
        // Many lose their lease in the same moment, and should not come back in the same one.
        const { runtime } = this.#context;
        await pause(runtime, pauseMs * (0.5 + byChance(runtime)), signal).catch(() => {});
        pauseMs = Math.min(pauseMs * 2, lastPauseMs);
      }
    }
  }

  /** Whether it goes on with another wish, since this one is refused. */
  #settles(failure: ConclaveError): boolean {
    const became = this.#wish.refuse(this.#known);
    if (became === 'settled') {
      this.#standing = true;
      this.#written.reject(failure);
    }
    return became !== 'refused';
  }

  /** Makes the store as it should be; undefined: the key is to be absent, for which nobody needs a session. */
  async #standOn(): Promise<Session | undefined> {
    const { signal } = this.#stopped;
    if (this.#wish.value === undefined) {
      await this.#answered(0n, signal);
      this.#done(0n);
      return undefined;
    }
    const session = this.#sessionOrEnd();
    await session.open({ signal });
    this.#ttlMs = session.ttlMs;
    const either = linkSignals(signal, session.signal);
    try {
      await this.#answered(session.leaseId, either.signal);
    } catch (error) {
      if (ConclaveError.is(error, 'LEASE_NOT_FOUND')) session.leaseGone();
      throw error;
    } finally {
      either.unlink();
    }
    session.assertAlive();
    this.#done(session.leaseId);
    return session;
  }

  #sessionOrEnd(): Session {
    try {
      return this.#spec.session();
    } catch (error) {
      this.end(ConclaveError.from(error));
      throw error;
    }
  }

  /**
   * Until the answer has come nothing that the mirror tells is judged: it may be an event from before the put, of
   * somebody who had taken the key over and has left it, and to end then would leave behind what was put.
   */
  async #answered(lease: bigint, signal: AbortSignal): Promise<void> {
    this.#writing = true;
    try {
      await this.#write(lease, signal);
    } finally {
      this.#writing = false;
      if (this.#news) this.#look();
    }
  }

  /** Each further turn is for somebody else who has written the key, or for a new wish. */
  async #write(lease: bigint, signal: AbortSignal): Promise<void> {
    const { store, runtime } = this.#context;
    let sure = true;
    // Bounded by `signal`.
    for (let value = this.#wish.value; !sure || !stands(this.#known, value, lease); value = this.#wish.value) {
      const known = this.#known;
      this.#wish.send(value);
      const txn = await untilAnswered(runtime, signal, async () => {
        // While the last try was not answered the key may have been given up: then it is not to be sent again.
        const isWished = sameWish(value, this.#wish.value);
        return isWished ? this.#noting(known, store.txn(stepFrom(known, this.#spec.key, value, lease))) : undefined;
      });
      sure = txn !== undefined;
      if (txn === undefined) {
        // What it has made is looked for; what is somebody else's is left alone.
        this.#known = known?.own === true ? known : undefined;
        continue;
      }
      if (!txn.succeeded) this.#see(rangeAt(txn, 0).kvs[0]);
      else
        this.#known = value === undefined ? undefined : { value, lease, modRevision: txn.header.revision, own: true };
    }
  }

  async #noting(known: Known, answer: Promise<TxnResponse>): Promise<TxnResponse> {
    this.#asked = true;
    try {
      return await answer;
    } catch (error) {
      this.#doubtful ||= known?.own !== true && unanswered(error);
      throw error;
    }
  }

  /** What the store has is news: the own entry, nothing, or somebody else's. */
  #see(found: KeyValue | undefined): void {
    if (found === undefined) {
      this.#known = undefined;
    } else if (this.#spec.isOwn(found)) {
      if (!this.#ended.signal.aborted) this.#spec.adopt?.(found.value);
      this.#known = { ...found, own: true };
    } else if (this.#wish.value === undefined) {
      // Nothing of ours is there, which is what was wished.
      this.#known = undefined;
    } else if (this.#status === 'pending' && this.#spec.takeOver === true) {
      this.#known = { ...found, own: false };
    } else {
      throw this.#conflict();
    }
  }

  #conflict(): ConclaveError {
    const key = utf8Text(this.#spec.key);
    const what = this.#status === 'pending' ? 'is somebody else’s' : 'was taken over by somebody else';
    return new ConclaveError('CONFLICT', `${key} ${what}`);
  }

  /** Unless there is another wish by now: then the next turn is for that. */
  #done(lease: bigint): void {
    if (!stands(this.#known, this.#wish.value, lease)) return;
    this.#watch();
    this.#turn('kept');
    this.#standing = true;
    this.#written.resolve();
  }

  /** Whatever becomes of the key from now on wakes the keeper. */
  #watch(): void {
    if (this.#mirror !== undefined) return;
    const { store, runtime } = this.#context;
    const { key, checks } = this.#spec;
    const listener = {
      onChange: () => {
        this.#news = true;
        if (!this.#writing) this.#look();
      },
      onEnd: (error: ConclaveError) => this.end(error),
    };
    this.#mirror = new Mirror(store, runtime, { key }, listener, checks);
    this.#stopMirror = this.#mirror.start();
  }

  #look(): void {
    this.#news = false;
    if (this.#mirror === undefined || this.#stopped.signal.aborted) return;
    const { items, revision } = this.#mirror;
    const now = items.get(latin1(this.#spec.key));
    const known = this.#known?.modRevision;
    // Older than what is known from an answer, or just that; unless the store has gone back, as from a backup.
    const isOld = revision >= this.#mirrorRevision && (now?.modRevision === known || revision <= (known ?? 0n));
    this.#mirrorRevision = revision;
    if (isOld) return;
    try {
      this.#see(now);
    } catch (error) {
      this.#giveUp(ConclaveError.from(error));
      return;
    }
    if (this.#known === undefined && this.#wish.value !== undefined) this.#turn('recovering');
    this.#renewWish();
  }

  /** Who waits already waits for this as well. */
  #renewWish(): void {
    if (this.#standing) {
      this.#standing = false;
      this.#written = deferred();
      this.#written.promise.catch(() => {});
    }
    this.#wake();
  }

  #mayPass(error: unknown): boolean {
    const isFull = isOverfull(error);
    if ((!isFull && unanswered(error)) || ConclaveError.is(error, 'SESSION_LOST', 'LEASE_NOT_FOUND')) return true;
    // Once it stood there, whoever took the right away may give it back, and a store that is full is made room in.
    return (isFull || ConclaveError.is(error, 'PERMISSION_DENIED', 'UNAUTHENTICATED')) && this.#status !== 'pending';
  }

  #turn(status: KeptKeyStatus, error?: ConclaveError): void {
    if (this.#status === status || this.#status === 'ended') return;
    if (this.#status === 'pending' && status === 'recovering') return;
    this.#status = status;
    this.#onStatus(status, error);
  }
}
