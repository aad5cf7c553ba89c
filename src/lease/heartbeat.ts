import { within } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import { type ClockReading, elapsedMs } from '../core/runtime.js';
import type { SessionContext } from './session.js';

/**
 * Timers stand still while the machine sleeps: looking at the clocks this often ends a session that was slept through
 * within a second of waking up, however long its TTL is.
 */
const lookEveryMs = 1000;

/** What a heartbeat needs of the session, and tells it. */
export interface HeartbeatListener {
  /** Milliseconds until the deadline. Reading it ends a session whose deadline has passed. */
  remainingMs(): number;
  /** How much of the lease's time to live is not counted on, in milliseconds. */
  readonly reserveMs: number;
  /** `ttlMs` is without the reserve. */
  acknowledged(sentAt: ClockReading, ttlMs: number): void;
  /** The server says that there is no such lease. */
  gone(): void;
}

/**
 * Keeps one lease alive: a beat every third of the TTL, sooner after one that failed or was not answered in time, which
 * may be answered yet. Also looks at the
 * deadline when it is due, so that the session ends on time with no help from the network. After a stall of the event
 * loop the late timer looks at the deadline first and beats at once.
 */
export class Heartbeat {
  readonly #context: SessionContext;
  readonly #leaseId: bigint;
  readonly #listener: HeartbeatListener;
  #scheduledAt: ClockReading;
  #nextBeatMs = Number.POSITIVE_INFINITY;
  #cancelTimer: () => void = () => {};
  #cancelBeat = new AbortController();
  /** The beat under way, or the last one. Never rejects. */
  #current: Promise<void> = Promise.resolve();
  /** The one that somebody asked for and that waits for `#current`. */
  #next: Promise<void> | undefined;
  #beating = false;
  #stopped = false;

  constructor(context: SessionContext, leaseId: bigint, listener: HeartbeatListener) {
    this.#context = context;
    this.#leaseId = leaseId;
    this.#listener = listener;
    this.#scheduledAt = context.runtime.clocks();
  }

  /** After a grant that was slow to come the first beat is due sooner: there must be time for its answer. */
  start(ttlMs: number): void {
    this.#schedule(Math.min(ttlMs / 3, this.#listener.remainingMs() / 2));
  }

  /**
   * A beat out of turn; resolves when it was answered or has failed. One that is under way may have been answered
   * before whatever made the caller ask: the next one counts, and all who ask meanwhile share it.
   */
  async beatNow(): Promise<void> {
    this.#next ??= this.#current.then(() => {
      this.#next = undefined;
      return this.#beat();
    });
    await this.#next;
  }

  /** Takes timer and call back. Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
    this.#cancelBeat.abort(new ConclaveError('CLOSED', 'the heartbeat was stopped'));
  }

  /** The next beat is due in `nextBeatMs`; `Infinity`: not before this is called again. */
  #schedule(nextBeatMs: number): void {
    this.#scheduledAt = this.#context.runtime.clocks();
    this.#nextBeatMs = nextBeatMs;
    this.#arm();
  }

  /** One timer: for the next beat, the deadline, or the next look at the clocks, whichever comes first. */
  #arm(): void {
    this.#cancelTimer();
    const leftMs = this.#listener.remainingMs();
    if (leftMs === 0 || this.#stopped) return;
    const delayMs = Math.max(Math.min(this.#toNextBeatMs, leftMs, lookEveryMs), 1);
    this.#cancelTimer = this.#context.runtime.setTimer(delayMs, () => this.#wake());
  }

  #wake(): void {
    const leftMs = this.#listener.remainingMs();
    if (leftMs === 0 || this.#stopped) return;
    if (this.#toNextBeatMs < 1) {
      void this.#beat();
      this.#schedule(Number.POSITIVE_INFINITY);
    } else {
      this.#arm();
    }
  }

  /** Judged by all clocks, so that a machine that slept beats as soon as it looks. */
  get #toNextBeatMs(): number {
    return this.#nextBeatMs - elapsedMs(this.#context.runtime, this.#scheduledAt);
  }

  /** Who comes while the next one may not be sent yet gets the one under way. */
  #beat(): Promise<void> {
    const leftMs = this.#listener.remainingMs();
    if (leftMs > 0 && !this.#stopped && !this.#beating) this.#current = this.#send(leftMs);
    return this.#current;
  }

  /** Resolves when the beat was answered, has failed, or its patience is over: the next one may come then. */
  async #send(leftMs: number): Promise<void> {
    this.#beating = true;
    const nextBeatMs = await within(this.#context.runtime, patienceMs(leftMs), this.#ask(leftMs));
    this.#beating = false;
    if (!this.#stopped) this.#schedule(Math.max(nextBeatMs ?? leftMs / 10, 50));
  }

  /**
   * Tells the listener what the server says, up to the deadline: an answer that comes after the next beat was sent
   * counts too. Resolves to when a beat is due that comes a third of the TTL after this one; undefined: not answered.
   */
  async #ask(leftMs: number): Promise<number | undefined> {
    const { store, runtime } = this.#context;
    const sentAt = runtime.clocks();
    const call = { timeoutMs: leftMs, patienceMs: patienceMs(leftMs), signal: this.#cancelBeat.signal };
    try {
      const kept = await store.leaseKeepAlive({ id: this.#leaseId }, call);
      if (this.#stopped) return undefined;
      if (kept.ttl > 0n) {
        const ttlMs = Number(kept.ttl) * 1000 - this.#listener.reserveMs;
        this.#listener.acknowledged(sentAt, ttlMs);
        return ttlMs / 3 - elapsedMs(runtime, sentAt);
      }
      this.#listener.gone();
    } catch (error) {
      if (ConclaveError.is(error, 'LEASE_NOT_FOUND') && !this.#stopped) this.#listener.gone();
      // Anything else may pass: the deadline decides, not the error.
    }
    return undefined;
  }
}

/**
 * How long the next beat waits for one that hangs: it must have time left, over another endpoint, and come late enough
 * for the one before to be known as silent and left (`wire/calls.ts`). With a TTL of 2 s a third of what is left is too
 * short for that.
 */
function patienceMs(leftMs: number): number {
  return Math.max(leftMs / 3, Math.min(leftMs / 2, 500), 100);
}
