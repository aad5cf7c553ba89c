import type * as m from '../store/messages.js';
import type { CallOptions, Store, WatchListener, WatchSpec } from '../store/store.js';
import type { Recorder } from './history.js';
import type { InputOf, OutputOf } from './vocabulary.js';

/** Writes down what a session asks of the store and is answered: the checkers judge `held` by it. */
export class RecordingStore implements Store {
  readonly #inner: Store;
  readonly #recorder: Recorder;
  readonly #process: string;
  #pending = 0;

  constructor(inner: Store, recorder: Recorder, process: string) {
    this.#inner = inner;
    this.#recorder = recorder;
    this.#process = process;
  }

  /** Requests about leases that have not been answered. */
  get pending(): number {
    return this.#pending;
  }

  leaseGrant(request: m.LeaseGrantRequest, call?: CallOptions): Promise<m.LeaseGrantResponse> {
    return this.#lease('lease.grant', request.id, () => this.#inner.leaseGrant(request, call), shownTtl);
  }

  leaseKeepAlive(request: m.LeaseKeepAliveRequest, call?: CallOptions): Promise<m.LeaseKeepAliveResponse> {
    return this.#lease('lease.keepAlive', request.id, () => this.#inner.leaseKeepAlive(request, call), shownTtl);
  }

  leaseRevoke(request: m.LeaseRevokeRequest, call?: CallOptions): Promise<m.LeaseRevokeResponse> {
    return this.#lease(
      'lease.revoke',
      request.id,
      () => this.#inner.leaseRevoke(request, call),
      () => null,
    );
  }

  range(request: m.RangeRequest, call?: CallOptions): Promise<m.RangeResponse> {
    return this.#inner.range(request, call);
  }

  txn(request: m.TxnRequest, call?: CallOptions): Promise<m.TxnResponse> {
    return this.#inner.txn(request, call);
  }

  compact(request: m.CompactionRequest, call?: CallOptions): Promise<m.CompactionResponse> {
    return this.#inner.compact(request, call);
  }

  watch(request: WatchSpec, listener: WatchListener): () => void {
    return this.#inner.watch(request, listener);
  }

  leaseTimeToLive(request: m.LeaseTimeToLiveRequest, call?: CallOptions): Promise<m.LeaseTimeToLiveResponse> {
    return this.#inner.leaseTimeToLive(request, call);
  }

  leaseLeases(call?: CallOptions): Promise<m.LeaseLeasesResponse> {
    return this.#inner.leaseLeases(call);
  }

  close(): Promise<void> {
    return this.#inner.close();
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
