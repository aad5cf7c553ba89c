import type { AnySignal } from '../core/abort.js';
import type { DuplexMethod, UnaryMethod } from './methods.js';
import type { RpcPeer } from './rpc-service.js';

/**
 * PORT 2, client side: one endpoint (or one pool that hides its endpoints) that can be called with typed messages.
 * gRPC, a borrowed npm `etcd3` client, an in-process loopback and the simulated network answer it.
 *
 * A call that fails rejects with a `ConclaveError` made by `errorOfStatus`. A channel never repeats a call by itself.
 */
export interface RpcChannel {
  /** For messages: where the calls go. */
  readonly endpoint: string;
  /** An abort of `signal` cancels the call: its outcome is then unknown. */
  unary<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    options: RpcOptions,
  ): Promise<Response>;
  duplex<Request, Response>(
    method: DuplexMethod<Request, Response>,
    listener: DuplexListener<Response>,
    options: RpcOptions,
  ): Duplex<Request>;
  /** Ends every call with `UNAVAILABLE` and frees the connection. Idempotent. */
  close(): Promise<void>;
}

export interface RpcOptions {
  readonly signal?: AnySignal | undefined;
  /** ASCII metadata: `token`, `hasleader`. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** On whose behalf: told to a service of the same process. What goes over a wire has a peer of its own. */
  readonly peer?: RpcPeer | undefined;
}

export interface Duplex<Request> {
  send(message: Request): void;
  /**
   * Nothing more is sent; answers still come. Newer grpc-go (#8385; Debian's etcd 3.5.30) begins a call of one request
   * only after it. Idempotent.
   */
  halfClose(): void;
  /** Cancels the call; the listener hears nothing more. Idempotent. */
  cancel(): void;
  /** Whether the server may send no more than is under way. Channels without it read on. */
  pause?(isPaused: boolean): void;
}

export interface DuplexListener<Response> {
  onMessage(message: Response): void;
  /** Called once, when the peer or the transport ended the call; an orderly end gives `undefined`. */
  onEnd(error: Error | undefined): void;
}
