import { Companions } from '../core/companions.js';
import type { ConclaveError } from '../core/errors.js';
import { onSessionEnd, Session, type SessionContext, type SessionOptions } from './session.js';

/**
 * The session that a process shares: one lease and one heartbeat for all its locks and leaderships. After a loss
 * whatever comes next gets a fresh one; what was lost is never taken again behind the holder's back.
 */
export class SessionKeeper {
  /** What all who use the connection share, whatever becomes of its sessions. */
  readonly companions = new Companions();
  readonly #context: SessionContext;
  readonly #options: SessionOptions;
  #current: Session | undefined;
  readonly #reserved = new Map<number, Session>();
  #own = new Set<Session>();
  readonly #closed = new AbortController();

  constructor(context: SessionContext, options: SessionOptions = {}) {
    this.#context = context;
    this.#options = options;
  }

  /** Aborts when the connection is closed: for what waits for nothing that would tell. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** The shared session, not necessarily open yet; a fresh one if the last is over. */
  get current(): Session {
    this.closed.throwIfAborted();
    if (this.#current === undefined || isOver(this.#current)) this.#current = this.fresh(this.#options);
    return this.#current;
  }

  /** `own` if there is one, else `current`: for what goes on over losses. @throws why `own` is over. */
  ownOrCurrent(own: Session | undefined): Session {
    own?.signal.throwIfAborted();
    return own ?? this.current;
  }

  /** The session shared by all who want this reserve: see `SessionOptions.reserveMs`. */
  withReserve(reserveMs: number): Session {
    if (reserveMs === 0) return this.current;
    const known = this.#reserved.get(reserveMs);
    if (known !== undefined && !isOver(known)) return known;
    const session = this.fresh({ reserveMs });
    this.#reserved.set(reserveMs, session);
    onSessionEnd(session, () => this.#reserved.delete(reserveMs));
    return session;
  }

  /** A session of the caller's own, ended with the keeper at the latest. */
  fresh(options: SessionOptions = {}): Session {
    const { ttlMs = this.#options.ttlMs, leaseId = this.#options.leaseId, reserveMs } = options;
    this.closed.throwIfAborted();
    const session = new Session(this.#context, { ttlMs, leaseId, reserveMs });
    this.#own.add(session);
    onSessionEnd(session, () => void this.#forget(session));
    return session;
  }

  /** Closes every session made here; afterwards `current` throws `error`. */
  async close(error: ConclaveError): Promise<void> {
    this.#closed.abort(error);
    await Promise.all([...this.#own].map((session) => session.close()));
  }

  /** One that was lost is kept until it leaves the store alone, which may be closed after that. */
  async #forget(session: Session): Promise<void> {
    // Told within the end of the session, which has not done everything yet.
    await Promise.resolve();
    await session.freed;
    this.#own.delete(session);
  }
}

/** Looks at the clocks first: after a stall the deadline may have passed with no timer to tell. */
function isOver(session: Session): boolean {
  return !session.alive && session.signal.aborted;
}
