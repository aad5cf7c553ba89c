import { ConclaveError } from '../core/errors.js';
import { etcdError } from '../store/etcd-errors.js';
import type * as m from '../store/messages.js';
import type { CallOptions, Store, WatchLane, WatchListener, WatchSpec } from '../store/store.js';
import type { EngineHost } from './engine-host.js';
import { ownEvent, ownKeyValue, ownResponseOp } from './own-bytes.js';
import type { WatchHandle } from './watch-hub.js';

/**
 * PORT 1 in process: a `Store` over an `EngineHost`. Any number of them may share one host; closing a store ends its
 * own watches and leaves the host, and every lease in it, to whoever created that.
 *
 * A request is carried out at once; the answer comes in a later microtask, as does everything a watch tells. In memory
 * its fate is always known and no time limit can pass; with a durable host the answer comes once it is on disk. Answers
 * are the caller's own: writing to their bytes harms nobody.
 */
export class EngineStore implements Store {
  readonly #host: EngineHost;
  readonly #watches = new Set<StoreWatch>();
  readonly #stopListening: () => void;
  #closed = false;

  constructor(host: EngineHost) {
    this.#host = host;
    this.#stopListening = host.onClose(() => this.#endWatches());
  }

  range(request: m.RangeRequest, call?: CallOptions): Promise<m.RangeResponse> {
    return this.#answer(call, (host) => {
      const response = host.range(request);
      return { ...response, kvs: response.kvs.map(ownKeyValue) };
    });
  }

  txn(request: m.TxnRequest, call?: CallOptions): Promise<m.TxnResponse> {
    return this.#answer(call, (host) => {
      const response = host.txn(request);
      return { ...response, responses: response.responses.map(ownResponseOp) };
    });
  }

  compact(request: m.CompactionRequest, call?: CallOptions): Promise<m.CompactionResponse> {
    return this.#answer(call, (host) => host.compact(request));
  }

  leaseGrant(request: m.LeaseGrantRequest, call?: CallOptions): Promise<m.LeaseGrantResponse> {
    return this.#answer(call, (host) => host.leaseGrant(request));
  }

  leaseRevoke(request: m.LeaseRevokeRequest, call?: CallOptions): Promise<m.LeaseRevokeResponse> {
    return this.#answer(call, (host) => host.leaseRevoke(request));
  }

  leaseKeepAlive(request: m.LeaseKeepAliveRequest, call?: CallOptions): Promise<m.LeaseKeepAliveResponse> {
    return this.#answer(call, (host) => host.leaseKeepAlive(request));
  }

  leaseTimeToLive(request: m.LeaseTimeToLiveRequest, call?: CallOptions): Promise<m.LeaseTimeToLiveResponse> {
    return this.#answer(call, (host) => host.leaseTimeToLive(request));
  }

  leaseLeases(call?: CallOptions): Promise<m.LeaseLeasesResponse> {
    return this.#answer(call, (host) => host.leaseLeases());
  }

  watch(request: WatchSpec, listener: WatchListener): () => void {
    const watch = new StoreWatch(request.lane ?? 'bulk', listener, () => this.#watches.delete(watch));
    if (this.#closed || this.#host.closed) {
      watch.end(this.#closedError());
      return () => watch.cancel();
    }
    this.#watches.add(watch);
    watch.start(this.#host, request);
    return () => watch.cancel();
  }

  async requestProgress(lane: WatchLane): Promise<boolean> {
    for (const watch of this.#watches) if (watch.lane === lane) watch.tellProgress(this.#host);
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopListening();
    this.#endWatches();
  }

  /** Carries out `fn` at once; its result, or error, is told when what it saw and did is on disk. */
  async #answer<T>(call: CallOptions | undefined, fn: (host: EngineHost) => T): Promise<T> {
    const host = this.#open(call);
    if (!host.isDurable) return fn(host);
    try {
      return fn(host);
    } finally {
      await host.committed(call);
    }
  }

  /** The host, if the call may be made at all. */
  #open(call: CallOptions = {}): EngineHost {
    call.signal?.throwIfAborted();
    if (this.#closed) throw this.#closedError();
    if (call.timeoutMs !== undefined && !(call.timeoutMs >= 0)) {
      throw new ConclaveError('INVALID_ARGUMENT', `timeoutMs must be a number of at least 0, got ${call.timeoutMs}`);
    }
    return this.#host;
  }

  #endWatches(): void {
    for (const watch of this.#watches) watch.end(this.#closedError());
  }

  #closedError(): ConclaveError {
    return this.#host.closedBy ?? new ConclaveError('CLOSED', 'the embedded store is closed');
  }
}

/** One watch of a store: brings what the host tells to the listener, later and in order, until it is cancelled. */
class StoreWatch {
  readonly lane: WatchLane;
  readonly #listener: WatchListener;
  readonly #onOver: () => void;
  #handle: WatchHandle | undefined;
  #cancelled = false;

  constructor(lane: WatchLane, listener: WatchListener, onOver: () => void) {
    this.lane = lane;
    this.#listener = listener;
    this.#onOver = onOver;
  }

  start(host: EngineHost, request: WatchSpec): void {
    try {
      const handle = host.watch(request, {
        onEvents: (events, revision) => {
          const own = events.map(ownEvent);
          this.#tell((listener) => listener.onEvents(own, revision));
        },
        onCompacted: () => this.end(etcdError('compacted')),
      });
      this.#handle = handle;
      this.#tell((listener) => listener.onCreated?.(handle.createdAt));
      handle.resume();
    } catch (error) {
      this.end(ConclaveError.from(error));
    }
  }

  /** After what was told before. */
  tellProgress({ toldRevision }: EngineHost): void {
    if (this.#handle?.synced() === true) this.#tell((listener) => listener.onProgress?.(toldRevision));
  }

  /** What was told before still arrives, then `error`. */
  end(error: ConclaveError): void {
    this.#tell((listener) => listener.onEnd(error));
    this.#over();
  }

  cancel(): void {
    this.#cancelled = true;
    this.#over();
  }

  #over(): void {
    this.#handle?.cancel();
    this.#onOver();
  }

  #tell(fn: (listener: WatchListener) => void): void {
    queueMicrotask(() => {
      if (!this.#cancelled) fn(this.#listener);
    });
  }
}
