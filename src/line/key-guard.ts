import { ConclaveError } from '../core/errors.js';
import type { Session, SessionContext } from '../lease/session.js';
import { WatchFilter } from '../store/messages.js';
import type { Turn } from './line.js';

/** Short critical sections are over before this, and never pay for the watch. */
const startAfterMs = 100;

/**
 * Watches a holder's own key. etcd may revoke a live lease (#12528, #15247: measured 2 of 10 resumed ex-leaders), and
 * an operator may delete the key: both are seen here at once, and neither by the session's deadline.
 */
export class KeyGuard {
  readonly #context: SessionContext;
  readonly #session: Session;
  readonly #turn: Turn;
  readonly #gone: () => void;
  #cleanup: () => void = () => {};
  #stopped = false;

  constructor(context: SessionContext, session: Session, turn: Turn, gone: () => void) {
    this.#context = context;
    this.#session = session;
    this.#turn = turn;
    this.#gone = gone;
  }

  /** Starts after a moment; returns the clean-up. */
  start(): () => void {
    this.#cleanup = this.#context.runtime.setTimer(startAfterMs, () => this.#watch(this.#turn.fence + 1n));
    return () => {
      this.#stopped = true;
      this.#cleanup();
    };
  }

  #watch(startRevision: bigint): void {
    if (this.#stopped) return;
    const spec = { key: this.#turn.key, startRevision, filters: [WatchFilter.noPut], lane: 'control' } as const;
    this.#cleanup = this.#context.store.watch(spec, {
      onEvents: () => this.#report(),
      onEnd: () => void this.#look(),
    });
  }

  /**
   * The watch is over (compaction is the usual reason): the key itself tells, and the next watch goes on from there.
   */
  async #look(): Promise<void> {
    try {
      const seen = await this.#context.store.range({ key: this.#turn.key });
      if (seen.kvs[0]?.createRevision !== this.#turn.fence) return this.#report();
      this.#watch(seen.header.revision + 1n);
    } catch (error) {
      if (!ConclaveError.is(error)) throw error;
      this.#lookLater();
    }
  }

  #lookLater(): void {
    if (this.#stopped) return;
    this.#cleanup = this.#context.runtime.setTimer(this.#session.ttlMs / 3, () => void this.#look());
  }

  #report(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cleanup();
    this.#gone();
  }
}
