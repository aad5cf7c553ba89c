import { ConclaveError } from '../core/errors.js';
import { etcdError } from '../store/etcd-errors.js';
import type { Footing } from './footing.js';
import { Nonces } from './nonces.js';
import type { SessionContext } from './session.js';

/** What etcd gives a lease that is asked for without a word; who lends one does not tell its own. */
const assumedTtlMs = 60_000;

/**
 * A lease that somebody else keeps alive, known by its id alone. There is no heartbeat and no deadline: only the store
 * can say that it is gone, and does, by what becomes of the keys on it.
 */
export class BorrowedLease implements Footing {
  readonly leaseId: bigint;
  readonly nonces: Nonces;
  readonly ttlMs = assumedTtlMs;
  readonly #context: SessionContext;
  readonly #ended = new AbortController();

  constructor(context: SessionContext, leaseId: bigint) {
    this.#context = context;
    this.leaseId = leaseId;
    this.nonces = new Nonces(context.runtime);
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  assertAlive(): void {
    this.#ended.signal.throwIfAborted();
  }

  /** Ends it with the store's own words. */
  leaseGone(): void {
    this.#ended.abort(etcdError('leaseNotFound'));
  }

  async verify(): Promise<void> {
    try {
      const { ttl } = await this.#context.store.leaseTimeToLive({ id: this.leaseId });
      if (ttl <= 0n) this.#ended.abort(lost(this.leaseId));
    } catch (error) {
      // Not answered: what made the caller ask stands.
      if (!ConclaveError.is(error)) throw error;
    }
  }
}

function lost(leaseId: bigint): ConclaveError {
  return new ConclaveError('SESSION_LOST', `the lease ${leaseId.toString(16)} is gone`, { loss: 'server' });
}
