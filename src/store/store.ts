import type { ConclaveError } from '../core/errors.js';
import type {
  CompactionRequest,
  CompactionResponse,
  Event,
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseLeasesResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
  WatchCreateRequest,
} from './messages.js';

/**
 * PORT 1: what a recipe needs of etcd, as plain data. `EngineStore` answers it in process, `RpcStore` over a channel;
 * decorators wrap it. A put or delete is a txn of one operation.
 *
 * Errors are `ConclaveError`s whose message is etcd's own text where etcd has one. No method repeats a request whose
 * fate it does not know (etcd #14890): it rejects with `outcome: 'unknown'` and the caller, who has a nonce or a
 * guard, decides.
 */
export interface Store {
  /** Linearizable unless `serializable`. */
  range(request: RangeRequest, call?: CallOptions): Promise<RangeResponse>;
  txn(request: TxnRequest, call?: CallOptions): Promise<TxnResponse>;
  compact(request: CompactionRequest, call?: CallOptions): Promise<CompactionResponse>;
  /**
   * Synchronous: what happens is told to `listener`. The function returned ends the watch; after it nothing is told.
   * Others may be told the same events: their bytes are not to be changed.
   */
  watch(request: WatchSpec, listener: WatchListener): () => void;
  /**
   * Asks how far the watches of a lane have come: `onProgress` of each tells, once all of them have been told all there
   * is; it may be that no answer comes, so ask again. False: the server is not to be asked, since before 3.4.25 and
   * 3.5.8 etcd's answer may overtake events (etcd #15220), or does not say which version it is. Never rejects.
   */
  requestProgress(lane: WatchLane): Promise<boolean>;
  leaseGrant(request: LeaseGrantRequest, call?: CallOptions): Promise<LeaseGrantResponse>;
  leaseRevoke(request: LeaseRevokeRequest, call?: CallOptions): Promise<LeaseRevokeResponse>;
  /** One heartbeat. TTL 0 in the answer means that the lease is gone. */
  leaseKeepAlive(request: LeaseKeepAliveRequest, call?: CallOptions): Promise<LeaseKeepAliveResponse>;
  leaseTimeToLive(request: LeaseTimeToLiveRequest, call?: CallOptions): Promise<LeaseTimeToLiveResponse>;
  leaseLeases(call?: CallOptions): Promise<LeaseLeasesResponse>;
  /** Ends every watch with `CLOSED`, rejects what is under way, and gives up sockets and timers. Idempotent. */
  close(): Promise<void>;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until the call rejects with `TIMEOUT`. Default: the store's own, 5,000. */
  readonly timeoutMs?: number | undefined;
  /**
   * Milliseconds after which later calls should go another way, while this one waits on. Default: they wait with it.
   */
  readonly patienceMs?: number | undefined;
}

/**
 * `control`: lock waits and a holder's own key; `bulk`: everything else. The two never share a stream, since a busy
 * one can starve a quiet one on it (etcd #17529). Default: `bulk`.
 */
export type WatchLane = 'control' | 'bulk';

export interface WatchSpec extends Omit<WatchCreateRequest, 'watchId' | 'fragment'> {
  readonly lane?: WatchLane | undefined;
  /**
   * A revision that the store has had: the watch ends with `COMPACTED` if it has gone back behind that, and what is
   * told from `startRevision` on would begin in the future of another history.
   */
  readonly seenRevision?: bigint | undefined;
}

/**
 * What a watch tells. The store survives lost connections by itself and resumes without gap or repetition.
 * A listener must not throw.
 */
export interface WatchListener {
  /**
   * The server has the watch: with `startRevision` 0 every change after `revision` will be told. Called once,
   * before any event; not again after a reconnect.
   */
  onCreated?(revision: bigint): void;
  /**
   * The changes of one or more whole revisions, in order. A revision is never split over two calls.
   * `revision` is the store's at that moment and may be beyond the last event.
   */
  onEvents(events: readonly Event[], revision: bigint): void;
  /** Everything up to `revision` has been told. */
  onProgress?(revision: bigint): void;
  /**
   * The watch is over and will tell nothing more: `COMPACTED` means list again, everything else is final.
   * Never called because the caller ended it.
   */
  onEnd(error: ConclaveError): void;
}
