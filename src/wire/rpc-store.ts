import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import type {
  CompactionRequest,
  CompactionResponse,
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
  RequestOp,
  TxnRequest,
  TxnResponse,
} from '../store/messages.js';
import type { CallOptions, Store, WatchLane, WatchListener, WatchSpec } from '../store/store.js';
import { AuthToken, type Credentials, type Metadata } from './auth-token.js';
import { type CallKind, Calls } from './calls.js';
import { Endpoints } from './endpoints.js';
import { KeepAliveStreams } from './keepalive-streams.js';
import { kvMethods, leaseMethods, type UnaryMethod } from './methods.js';
import type { RpcChannel } from './rpc-channel.js';
import { WatchStreams } from './watch-streams.js';

export interface RpcStoreOptions {
  /** One per endpoint, at least one. The first is used until it fails. The store closes them. */
  readonly channels: readonly RpcChannel[];
  readonly runtime: Runtime;
  /** Milliseconds that a call may take if it does not say so itself. Default: 5,000. */
  readonly requestTimeoutMs?: number | undefined;
  readonly credentials?: Credentials | undefined;
  /** Goes with every call, unless there are `credentials`: the token of somebody on whose behalf the store asks. */
  readonly metadata?: Metadata | undefined;
}

/**
 * A store behind RPC channels. Knows everything that a channel does not: endpoints and when to leave one, deadlines,
 * tokens, which watches share a stream, and how a watch goes on after its stream was lost.
 */
export class RpcStore implements Store {
  readonly #endpoints: Endpoints;
  readonly #auth: AuthToken;
  readonly #calls: Calls;
  readonly #watches: WatchStreams;
  readonly #keepAlives = new KeepAliveStreams();
  #closing: Promise<void> | undefined;

  constructor(options: RpcStoreOptions) {
    const { channels, runtime, requestTimeoutMs = 5_000, credentials, metadata } = options;
    this.#endpoints = new Endpoints(channels);
    this.#auth = new AuthToken(credentials, runtime, requestTimeoutMs, metadata);
    this.#calls = new Calls(this.#endpoints, this.#auth, runtime, requestTimeoutMs);
    this.#watches = new WatchStreams({
      endpoints: this.#endpoints,
      auth: this.#auth,
      runtime,
      answerTimeoutMs: requestTimeoutMs,
    });
  }

  range(request: RangeRequest, call?: CallOptions): Promise<RangeResponse> {
    return this.#unary('read', kvMethods.range, request, call);
  }

  txn(request: TxnRequest, call?: CallOptions): Promise<TxnResponse> {
    return this.#unary(onlyReads(request) ? 'read' : 'write', kvMethods.txn, request, call);
  }

  compact(request: CompactionRequest, call?: CallOptions): Promise<CompactionResponse> {
    return this.#unary('write', kvMethods.compact, request, call);
  }

  watch(request: WatchSpec, listener: WatchListener): () => void {
    return this.#watches.watch(request, listener);
  }

  requestProgress(lane: WatchLane): Promise<boolean> {
    return this.#watches.requestProgress(lane);
  }

  leaseGrant(request: LeaseGrantRequest, call?: CallOptions): Promise<LeaseGrantResponse> {
    return this.#unary('write', leaseMethods.grant, request, call);
  }

  leaseRevoke(request: LeaseRevokeRequest, call?: CallOptions): Promise<LeaseRevokeResponse> {
    return this.#unary('write', leaseMethods.revoke, request, call);
  }

  leaseKeepAlive(request: LeaseKeepAliveRequest, call?: CallOptions): Promise<LeaseKeepAliveResponse> {
    const id = request.id ?? 0n;
    return this.#calls.run(leaseMethods.keepAlive.path, 'write', call, (attempt) => this.#keepAlives.beat(id, attempt));
  }

  leaseTimeToLive(request: LeaseTimeToLiveRequest, call?: CallOptions): Promise<LeaseTimeToLiveResponse> {
    return this.#unary('read', leaseMethods.timeToLive, request, call);
  }

  leaseLeases(call?: CallOptions): Promise<LeaseLeasesResponse> {
    return this.#unary('read', leaseMethods.leases, {}, call);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #unary<Request, Response>(
    kind: CallKind,
    method: UnaryMethod<Request, Response>,
    request: Request,
    call: CallOptions | undefined,
  ): Promise<Response> {
    return this.#calls.run(method.path, kind, call, (attempt) => attempt.channel.unary(method, request, attempt));
  }

  async #close(): Promise<void> {
    this.#watches.close();
    this.#calls.close();
    this.#keepAlives.close();
    this.#auth.close(new ConclaveError('CLOSED', 'the store is closed'));
    await this.#endpoints.close();
  }
}

/** Whether a txn can change nothing, so that it may be sent to one endpoint after another. */
function onlyReads({ success = [], failure = [] }: TxnRequest): boolean {
  const reads = (op: RequestOp) => op.type === 'range' || (op.type === 'txn' && onlyReads(op.request));
  return success.every(reads) && failure.every(reads);
}
