import { EventEmitter } from 'eventemitter3';
import { abortable, onAbort, pause, withDeadline } from '../core/abort.js';
import { callUser } from '../core/call-user.js';
import { Cancellation } from '../core/cancellation.js';
import { Companions } from '../core/companions.js';
import { ConclaveError, type LossReason } from '../core/errors.js';
import { type ClockReading, type Runtime, randomInt63 } from '../core/runtime.js';
import { untilAnswered } from '../store/repeat.js';
import type { Store } from '../store/store.js';
import { type Deadline, marginMs, remainingMs } from './deadline.js';
import type { Footing } from './footing.js';
import { grantLease } from './grant.js';
import { Heartbeat } from './heartbeat.js';
import { Nonces } from './nonces.js';
import { ttlSeconds } from './ttl.js';

export interface SessionOptions {
  /** Time to live of the lease in milliseconds, rounded up to whole seconds. Default: 10,000. */
  readonly ttlMs?: number | undefined;
  /** The lease to use, for a process that resumes after a restart. Default: a random one. */
  readonly leaseId?: bigint | undefined;
  /**
   * Milliseconds for which the lease lives on after this session has ended by its deadline: they are added to the
   * lease's time to live, and not counted on. Default: 0.
   */
  readonly reserveMs?: number | undefined;
}

/** Where a session works. */
export interface SessionContext {
  readonly store: Store;
  readonly runtime: Runtime;
}

/** What a session tells; `signal` is what to stop work by, these are for logs and metrics. */
export interface SessionEvents {
  /** The lease was granted. */
  opened: [session: Session];
  /** A heartbeat was acknowledged: that long from now the lease can be relied on, in milliseconds. */
  renewed: [remainingMs: number];
  /** The session is over. */
  ended: [error: ConclaveError];
}

type State =
  /** Nothing sent yet. */
  | { readonly type: 'idle' }
  /** The lease is being granted; it may exist already. */
  | { readonly type: 'opening'; readonly opened: Promise<void> }
  /** The lease can be relied on until the deadline, which each acknowledged heartbeat moves. */
  | { readonly type: 'live'; readonly deadline: Deadline; readonly heartbeat: Heartbeat }
  /** Over for good. */
  | { readonly type: 'ended'; readonly error: ConclaveError };

export const defaultTtlMs = 10_000;

/** For so many TTLs a session that was lost tries to revoke its lease. */
const freeingTtls = 2;

/** How long `close()` waits for the store's word; never longer than the lease lives anyway. */
const revokeTimeoutMs = 5000;

/**
 * One lease, its heartbeat, and the moment until which this process may rely on it: the only judge of liveness. Many
 * handles share one. A session that was lost stays lost; whoever wants to go on opens another.
 *
 * The lease's id is drawn here, so that a grant whose answer was lost is found again and never made twice.
 */
export class Session implements Footing {
  readonly leaseId: bigint;
  readonly nonces: Nonces;
  readonly events = new EventEmitter<SessionEvents>();
  /** What hangs on this lease and is shared by its users. */
  readonly companions = new Companions();
  readonly #context: SessionContext;
  readonly #ttlSeconds: bigint;
  readonly #reserveMs: number;
  readonly #ended = new AbortController();
  readonly #mayFree: boolean;
  /** What a session that was lost still does. */
  readonly #freeing = new Cancellation();
  #freed: Promise<void> = Promise.resolve();
  #state: State = { type: 'idle' };

  /** @throws ConclaveError `INVALID_TTL`, `INVALID_ARGUMENT`. Sends nothing: `open()` does. */
  constructor(context: SessionContext, options: SessionOptions = {}) {
    this.#context = context;
    this.#reserveMs = options.reserveMs ?? 0;
    this.#ttlSeconds = ttlSeconds((options.ttlMs ?? defaultTtlMs) + this.#reserveMs);
    this.nonces = new Nonces(context.runtime);
    this.leaseId = options.leaseId ?? randomInt63(context.runtime);
    assertLeaseId(this.leaseId);
    // A lease whose id was given may have been taken over by another process meanwhile.
    this.#mayFree = options.leaseId === undefined;
  }

  /**
   * Grants the lease, once however many callers ask; tries again through outages for one TTL.
   * @throws ConclaveError `SESSION_LOST` when the session is over, else what the store said; a later call tries again.
   */
  async open(options: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (this.#state.type === 'idle') {
      const opened = this.#grant();
      // Every caller may have gone by the time it fails.
      opened.catch(() => {});
      this.#state = { type: 'opening', opened };
    }
    if (this.#state.type === 'opening') await abortable(this.#state.opened, options.signal);
    this.assertAlive();
  }

  /**
   * Whether the lease can be relied on, judged by the clocks at this very moment. Once false, always false: reading it
   * after the deadline ends the session, whether or not a timer had its turn yet.
   */
  get alive(): boolean {
    return this.remainingMs > 0;
  }

  /** Milliseconds until the deadline if no further heartbeat is acknowledged; 0 when the session is not alive. */
  get remainingMs(): number {
    if (this.#state.type !== 'live') return 0;
    const left = remainingMs(this.#context.runtime, this.#state.deadline);
    if (left === 0) this.#end('deadline', 'no heartbeat was acknowledged within the lease’s time to live');
    return left;
  }

  /** Whether the lease was granted and nobody has found it over since. Looks at no clock: `alive` does. */
  get opened(): boolean {
    return this.#state.type === 'live';
  }

  /** The lease's time to live in milliseconds, less the reserve: as granted, before that as asked for. */
  get ttlMs(): number {
    return this.#state.type === 'live' ? this.#state.deadline.ttlMs : Number(this.#ttlSeconds) * 1000 - this.#reserveMs;
  }

  /** Aborts with a `SESSION_LOST` error when the session is over, before the server can expire the lease. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Why the session is over; undefined while it is not. */
  get loss(): LossReason | undefined {
    return this.#state.type === 'ended' ? this.#state.error.loss : undefined;
  }

  /** @throws ConclaveError `SESSION_LOST` unless alive. */
  assertAlive(): void {
    if (this.alive) return;
    if (this.#state.type === 'ended') throw this.#state.error;
    throw new ConclaveError('SESSION_LOST', `session ${hex(this.leaseId)} is not open`);
  }

  /**
   * For whoever heard from the server that the lease is gone: ends the session, which may not be able to ask itself.
   */
  leaseGone(): void {
    this.#end('server', 'the server says that its lease is gone');
  }

  /** Asks the server now whether the lease is there; the session has ended by the time this resolves if it is not. */
  async verify(): Promise<void> {
    if (this.#state.type === 'live') await this.#state.heartbeat.beatNow();
  }

  /**
   * Ends the session and revokes the lease, so that everything that hangs on it is free at once. Resolves when the
   * store has confirmed or has not answered for 5 s: then the lease ends by itself (etcd #6681, #18082: a close
   * without a bound hangs).
   */
  async close(): Promise<void> {
    const before = this.#state;
    const boundMs = before.type === 'live' ? Math.max(this.remainingMs, 1) : this.ttlMs;
    this.#end('closed', 'it was closed');
    this.#freeing.abort(new ConclaveError('CLOSED', 'the session was closed'));
    if (before.type === 'ended') return this.#freed;
    if (before.type === 'idle') return;
    // A grant that is under way would come after the revoke and stay.
    if (before.type === 'opening') await before.opened.catch(() => {});
    await this.#revoke(Math.min(boundMs, revokeTimeoutMs));
  }

  /** For a session that was lost: resolves when it asks nothing more of the store. `close()` makes that at once. */
  get freed(): Promise<void> {
    return this.#freed;
  }

  /** Ends the session here and leaves the lease to whoever knows its id, or to expire. */
  orphan(): void {
    this.#end('closed', 'it was orphaned');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #grant(): Promise<void> {
    try {
      const grant = await grantLease(this.#context, this.leaseId, this.#ttlSeconds, this.#ended.signal);
      this.#goLive({ ...grant, ttlMs: grant.ttlMs - this.#reserveMs });
    } catch (error) {
      if (this.#state.type === 'opening') this.#state = { type: 'idle' };
      throw error;
    }
  }

  #goLive(deadline: Deadline): void {
    if (this.#state.type !== 'opening') return;
    const heartbeat = new Heartbeat(this.#context, this.leaseId, {
      remainingMs: () => this.remainingMs,
      reserveMs: this.#reserveMs,
      acknowledged: (sentAt, ttlMs) => this.#extend(sentAt, ttlMs),
      gone: () => this.leaseGone(),
    });
    this.#state = { type: 'live', deadline, heartbeat };
    heartbeat.start(deadline.ttlMs);
    if (this.alive) callUser(() => this.events.emit('opened', this));
  }

  /** An acknowledgement that is handled after the deadline comes too late: `alive` ends the session first. */
  #extend(sentAt: ClockReading, ttlMs: number): void {
    if (!this.alive || this.#state.type !== 'live') return;
    const deadline = { sentAt, ttlMs };
    // A beat may be answered after one that was sent later.
    if (remainingMs(this.#context.runtime, deadline) > this.remainingMs) this.#state = { ...this.#state, deadline };
    callUser(() => this.events.emit('renewed', this.remainingMs));
  }

  #end(loss: LossReason, why: string): void {
    const before = this.#state;
    if (before.type === 'ended') return;
    if (before.type === 'live') before.heartbeat.stop();
    const error = new ConclaveError('SESSION_LOST', `session ${hex(this.leaseId)} is over: ${why}`, { loss });
    this.#state = { type: 'ended', error };
    this.#ended.abort(error);
    if (before.type === 'live' && loss === 'deadline' && this.#mayFree) this.#free(before.deadline);
    callUser(() => this.events.emit('ended', error));
  }

  /**
   * The lease of a session that was lost may live on for long, since etcd starts TTLs anew when its leader changes: it
   * is revoked, though not before the moment at which it could have ended by itself, so that work has the same time to
   * stop. Goes on behind the caller; bounded, since a lease that nobody keeps alive ends.
   */
  #free({ ttlMs }: Deadline): void {
    const graceMs = marginMs(ttlMs) + this.#reserveMs;
    this.#freed = this.#revoke(freeingTtls * ttlMs + graceMs, graceMs);
  }

  async #revoke(timeoutMs: number, afterMs = 0): Promise<void> {
    const { store, runtime } = this.#context;
    const bound = afterMs === 0 ? { timeoutMs } : { timeoutMs, signal: this.#freeing };
    try {
      await withDeadline(runtime, 'revoke', bound, async (signal) => {
        if (afterMs > 0) await pause(runtime, afterMs, signal);
        await untilAnswered(runtime, signal, () => store.leaseRevoke({ id: this.leaseId }, { signal }));
      });
    } catch (error) {
      // Gone already, or gone by itself when its time is up.
      if (!ConclaveError.is(error)) throw error;
    }
  }
}

/** Calls `fn` when `session` is over; returns the clean-up. */
export function onSessionEnd(session: Session, fn: (error: ConclaveError) => void): () => void {
  // Nothing else ends it; a function to make sure would be kept for each of very many who hold something.
  return onAbort(session.signal, fn as (reason: unknown) => void);
}

/** Resolves when `session` is over, or when `other` does. */
export function endOrElse(session: Session, other: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const unlink = onSessionEnd(session, () => resolve());
    void other.then(() => {
      unlink();
      resolve();
    });
  });
}

/** 0n would be the store's to draw. */
function assertLeaseId(leaseId: unknown): void {
  if (typeof leaseId === 'bigint' && leaseId > 0n && leaseId === BigInt.asIntN(64, leaseId)) return;
  throw new ConclaveError('INVALID_ARGUMENT', `a lease id is a bigint from 1 to 2^63 - 1, got ${String(leaseId)}`);
}

function hex(leaseId: bigint): string {
  return leaseId.toString(16);
}
