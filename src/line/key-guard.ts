import { ConclaveError, type LossReason } from '../core/errors.js';
import type { Session, SessionContext } from '../lease/session.js';
import { type Event, EventType, type KeyValue } from '../store/messages.js';
import type { WatchListener } from '../store/store.js';
import type { Turn } from './line.js';

/** Short critical sections are over before this, and never pay for the watch. */
const startAfterMs = 100;

/**
 * Watches a holder's own key. etcd may revoke a live lease (#12528, #15247: measured 2 of 10 resumed ex-leaders), and
 * an operator may delete the key: both are seen here at once, and neither by the session's deadline. So is another
 * process that resumes a leadership by hanging its place on a lease of its own.
 */
export class KeyGuard implements WatchListener {
  readonly #context: SessionContext;
  readonly #session: Session;
  readonly #turn: Turn;
  readonly #gone: (loss: LossReason) => void;
  #cleanup: () => void;
  #stopped = false;

  /** Starts after a moment. */
  constructor(context: SessionContext, session: Session, turn: Turn, gone: (loss: LossReason) => void) {
    this.#context = context;
    this.#session = session;
    this.#turn = turn;
    this.#gone = gone;
    this.#cleanup = context.runtime.setTimer(startAfterMs, () => this.#watch((turn.asOf ?? turn.fence) + 1n));
  }

  stop(): void {
    this.#stopped = true;
    this.#cleanup();
  }

  #watch(startRevision: bigint): void {
    if (this.#stopped) return;
    const spec = { key: this.#turn.key, startRevision, seenRevision: startRevision - 1n, lane: 'control' } as const;
    this.#cleanup = this.#context.store.watch(spec, this);
  }

  onEvents(events: readonly Event[]): void {
    for (const { type, kv } of events) this.#judge(type === EventType.delete ? undefined : kv);
  }

  /**
   * The watch is over (compaction is the usual reason): the key itself tells, and the next watch goes on from there.
   */
  onEnd(): void {
    void this.#look();
  }

  async #look(): Promise<void> {
    try {
      const seen = await this.#context.store.range({ key: this.#turn.key });
      this.#judge(seen.kvs[0]);
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

  #judge(place: KeyValue | undefined): void {
    if (place?.createRevision !== this.#turn.fence) this.#report('key-deleted');
    else if (place.lease !== this.#session.leaseId) this.#report('taken-over');
  }

  #report(loss: LossReason): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cleanup();
    this.#gone(loss);
  }
}
