import type * as m from './messages.js';
import type { CallOptions, Store, WatchLane, WatchListener, WatchSpec } from './store.js';

/** A store that hands everything to another one: a decorator overrides what it changes. */
export abstract class DelegatingStore implements Store {
  protected readonly inner: Store;

  constructor(inner: Store) {
    this.inner = inner;
  }

  range(request: m.RangeRequest, call?: CallOptions): Promise<m.RangeResponse> {
    return this.inner.range(request, call);
  }

  txn(request: m.TxnRequest, call?: CallOptions): Promise<m.TxnResponse> {
    return this.inner.txn(request, call);
  }

  compact(request: m.CompactionRequest, call?: CallOptions): Promise<m.CompactionResponse> {
    return this.inner.compact(request, call);
  }

  watch(request: WatchSpec, listener: WatchListener): () => void {
    return this.inner.watch(request, listener);
  }

  requestProgress(lane: WatchLane): Promise<boolean> {
    return this.inner.requestProgress(lane);
  }

  leaseGrant(request: m.LeaseGrantRequest, call?: CallOptions): Promise<m.LeaseGrantResponse> {
    return this.inner.leaseGrant(request, call);
  }

  leaseRevoke(request: m.LeaseRevokeRequest, call?: CallOptions): Promise<m.LeaseRevokeResponse> {
    return this.inner.leaseRevoke(request, call);
  }

  leaseKeepAlive(request: m.LeaseKeepAliveRequest, call?: CallOptions): Promise<m.LeaseKeepAliveResponse> {
    return this.inner.leaseKeepAlive(request, call);
  }

  leaseTimeToLive(request: m.LeaseTimeToLiveRequest, call?: CallOptions): Promise<m.LeaseTimeToLiveResponse> {
    return this.inner.leaseTimeToLive(request, call);
  }

  leaseLeases(call?: CallOptions): Promise<m.LeaseLeasesResponse> {
    return this.inner.leaseLeases(call);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
