import type { ConclaveError } from '../core/errors.js';
import type { DuplexMethod, UnaryMethod } from './methods.js';

/**
 * PORT 2, server side: what the sockets, the loopback channel and the simulated network call. The handlers in
 * `src/server` answer it; messages are decoded already. A handler that fails throws a `ConclaveError`
 * (`statusOf` tells its status and text to the peer).
 */
export interface RpcService {
  /** Undefined where the service has no such method. */
  unary(path: string): UnaryHandler<unknown, unknown> | undefined;
  duplex(path: string): DuplexHandler<unknown, unknown> | undefined;
}

export interface UnaryHandler<Request, Response> {
  readonly method: UnaryMethod<Request, Response>;
  /** An answer that is there at once is returned as it is, and its error thrown: a promise costs as much as a read. */
  handle(request: Request, context: RpcContext): Response | Promise<Response>;
}

export interface DuplexHandler<Request, Response> {
  readonly method: DuplexMethod<Request, Response>;
  /** Starts one call; `reply` takes the answers, in order. */
  open(reply: DuplexReply<Response>, context: RpcContext): DuplexCall<Request>;
}

/** What the caller sends, as the handler hears it. */
export interface DuplexCall<Request> {
  onMessage(message: Request): void;
  /** The caller will send nothing more (it may still listen). */
  onHalfClose(): void;
  /** The caller does not read what it is sent (`true`), or has caught up (`false`): whoever can wait should. */
  onBackpressure?(isFull: boolean): void;
  /** The call is over for the caller or the connection is gone: free everything. `reply` must not be used any more. */
  onCancel(): void;
}

export interface DuplexReply<Response> {
  send(message: Response): void;
  /** Ends the call: without an error in order, else with its status. */
  end(error?: ConclaveError): void;
}

export interface RpcContext {
  readonly metadata: Readonly<Record<string, string>>;
  /** Aborts when the caller cancels or the connection is gone. */
  readonly signal: AbortSignal;
  /** Who is at the other end, where the transport knows. */
  readonly peer?: RpcPeer | undefined;
}

export interface RpcPeer {
  /** IP address. */
  readonly address?: string | undefined;
  /** Common name of the client certificate, if one was asked for and verified. */
  readonly certificateName?: string | undefined;
}
