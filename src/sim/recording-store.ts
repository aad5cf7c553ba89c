import { DelegatingStore } from '../store/delegating-store.js';
import type * as m from '../store/messages.js';
import type { CallOptions, Store } from '../store/store.js';
import type { Recorder } from './history.js';
import type { InputOf, OutputOf } from './vocabulary.js';

/** Writes down what a session asks of the store and is answered: the checkers judge `held` by it. */
export class RecordingStore extends DelegatingStore {
  readonly #recorder: Recorder;
  readonly #process: string;
  #pending = 0;

  constructor(inner: Store, recorder: Recorder, process: string) {
    super(inner);
    this.#recorder = recorder;
    this.#process = process;
  }

  /** Requests about leases that have not been answered. */
  get pending(): number {
    return this.#pending;
  }

  override leaseGrant(request: m.LeaseGrantRequest, call?: CallOptions): Promise<m.LeaseGrantResponse> {
    return this.#lease('lease.grant', request.id, () => this.inner.leaseGrant(request, call), shownTtl);
  }

  override leaseKeepAlive(request: m.LeaseKeepAliveRequest, call?: CallOptions): Promise<m.LeaseKeepAliveResponse> {
    return this.#lease('lease.keepAlive', request.id, () => this.inner.leaseKeepAlive(request, call), shownTtl);
  }

  override leaseRevoke(request: m.LeaseRevokeRequest, call?: CallOptions): Promise<m.LeaseRevokeResponse> {
    return this.#lease(
      'lease.revoke',
      request.id,
      () => this.inner.leaseRevoke(request, call),
      () => null,
    );
  }

  #lease<Op extends 'lease.grant' | 'lease.keepAlive' | 'lease.revoke', T>(
    op: Op,
    lease: bigint | undefined,
    call: () => Promise<T>,
    show: (answer: T) => OutputOf<Op>,
  ): Promise<T> {
    this.#pending += 1;
    const run = this.#recorder.run(this.#process, 'session', op, { lease: lease ?? 0n } as InputOf<Op>, call, show);
    return run.finally(() => {
      this.#pending -= 1;
    });
  }
}

function shownTtl({ ttl }: { readonly ttl: bigint }): { ttlMs: number } {
  return { ttlMs: Number(ttl) * 1000 };
}
