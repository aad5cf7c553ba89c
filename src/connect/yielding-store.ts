import { DelegatingStore } from '../store/delegating-store.js';
import type * as m from '../store/messages.js';
import type { CallOptions } from '../store/store.js';

/** So long may calls that are answered within the process keep its event loop to themselves. */
const longestTurnMs = 10;

/**
 * An embedded store that lets others have their turn. Nothing that it answers comes from outside, so that whoever calls
 * again at each answer never leaves the event loop's turn: no timer would fire, no heartbeat be sent, no signal heard.
 */
export class YieldingStore extends DelegatingStore {
  #turnSinceMs: number | undefined;
  #nextTurn: Promise<void> | undefined;

  override range(request: m.RangeRequest, call?: CallOptions): Promise<m.RangeResponse> {
    return this.#inTurn(() => this.inner.range(request, call));
  }

  override txn(request: m.TxnRequest, call?: CallOptions): Promise<m.TxnResponse> {
    return this.#inTurn(() => this.inner.txn(request, call));
  }

  override leaseGrant(request: m.LeaseGrantRequest, call?: CallOptions): Promise<m.LeaseGrantResponse> {
    return this.#inTurn(() => this.inner.leaseGrant(request, call));
  }

  override leaseRevoke(request: m.LeaseRevokeRequest, call?: CallOptions): Promise<m.LeaseRevokeResponse> {
    return this.#inTurn(() => this.inner.leaseRevoke(request, call));
  }

  override leaseKeepAlive(request: m.LeaseKeepAliveRequest, call?: CallOptions): Promise<m.LeaseKeepAliveResponse> {
    return this.#inTurn(() => this.inner.leaseKeepAlive(request, call));
  }

  override leaseTimeToLive(request: m.LeaseTimeToLiveRequest, call?: CallOptions): Promise<m.LeaseTimeToLiveResponse> {
    return this.#inTurn(() => this.inner.leaseTimeToLive(request, call));
  }

  #inTurn<T>(ask: () => Promise<T>): Promise<T> {
    return this.#awaitedTurn()?.then(ask) ?? ask();
  }

  /** Undefined: this one has not been too long. */
  #awaitedTurn(): Promise<void> | undefined {
    const nowMs = performance.now();
    if (this.#turnSinceMs === undefined) {
      this.#turnSinceMs = nowMs;
      setImmediate(() => {
        this.#turnSinceMs = undefined;
      });
    }
    if (nowMs - this.#turnSinceMs < longestTurnMs) return undefined;
    this.#nextTurn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#nextTurn = undefined;
        resolve();
      });
    });
    return this.#nextTurn;
  }
}
