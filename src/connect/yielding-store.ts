import { DelegatingStore } from '../store/delegating-store.js';
import type { RangeRequest, RangeResponse, TxnRequest, TxnResponse } from '../store/messages.js';
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

  override range(request: RangeRequest, call?: CallOptions): Promise<RangeResponse> {
    return this.#inTurn(() => this.inner.range(request, call));
  }

  override txn(request: TxnRequest, call?: CallOptions): Promise<TxnResponse> {
    return this.#inTurn(() => this.inner.txn(request, call));
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
