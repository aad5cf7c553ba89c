import type { Etcd3 } from 'etcd3';
import { type AnySignal, abortable, linkCall, onAbort } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import { errorOfStatus, etcdErrors, Status } from '../store/etcd-errors.js';
import type { WatchResponse } from '../store/messages.js';
import type { DuplexMethod, UnaryMethod } from '../wire/methods.js';
import type { Duplex, DuplexListener, RpcChannel, RpcOptions } from '../wire/rpc-channel.js';
import {
  type BorrowedConnection,
  type BorrowedMetadata,
  errorOfPool,
  isBrokenCircuit,
  poolOf,
  serviceOf,
} from './etcd3-pool.js';
import { asBuffer, duplexCall, type GrpcFailure, unaryCall } from './grpc-calls.js';
import { LateDuplex } from './late-duplex.js';

/**
 * How often a call that could not leave this process is offered to another host. The pool picks hosts at random and
 * passes one over when it has failed three times, so that this is enough for five dead ones.
 */
const triesMax = 16;

/**
 * The connections of an npm `etcd3` client, lent for our own calls: its hosts, TLS, token and circuit breakers with our
 * codecs. None of its Lock, Lease and Watcher classes are used, nor the `exec` under its raw clients: by default that
 * repeats every failed call up to three times, applied or not. Closing the channel leaves the client open.
 */
export class Etcd3Channel implements RpcChannel {
  readonly endpoint = 'etcd3 client';
  readonly #pool: ReturnType<typeof poolOf>;
  readonly #closing = new AbortController();

  constructor(client: Etcd3) {
    this.#pool = poolOf(client);
  }

  async unary<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    options: RpcOptions,
  ): Promise<Response> {
    const bytes = asBuffer(method.request.encode(request));
    this.#throwIfOver(options);
    const { signal, unlink } = linkCall(options.signal, this.#closing.signal);
    try {
      return await abortable(this.#overHosts(method, bytes, options, signal), signal);
    } catch (error) {
      throw signal.aborted ? this.#abortError() : error;
    } finally {
      unlink();
    }
  }

  duplex<Request, Response>(
    method: DuplexMethod<Request, Response>,
    listener: DuplexListener<Response>,
    options: RpcOptions,
  ): Duplex<Request> {
    this.#throwIfOver(options);
    const { signal, unlink } = linkCall(options.signal, this.#closing.signal);
    const onMessage = (message: Response) => {
      if (isRefusedToken(message)) this.#pool.authenticator?.invalidateMetadata();
      listener.onMessage(message);
    };
    const late = new LateDuplex<Request, Response>({ onMessage, onEnd: (error) => listener.onEnd(error) }, () => {
      unlink();
      stopListening();
    });
    const stopListening = onAbort(signal, () => late.end(this.#abortError()));
    const start = async (connection: BorrowedConnection) => {
      if (late.over) return;
      const toError = (error: Error) => this.#streamError(connection, error);
      const metadata = metadataOf(connection, options);
      late.started(duplexCall(connection.client, method, metadata, late.listener, toError));
    };
    this.#pool
      .withConnection(serviceOf(method.path), start)
      .catch((error) => late.end(errorOfPool(this.endpoint, error)));
    return late;
  }

  async close(): Promise<void> {
    this.#closing.abort();
  }

  /** Repeats only what has not left this process, or was refused for a token that had run out. */
  async #overHosts<Request, Response>(
    method: UnaryMethod<Request, Response>,
    bytes: Buffer,
    options: RpcOptions,
    signal: AnySignal,
  ): Promise<Response> {
    let unreachable: ConclaveError | undefined;
    let renewed = false;
    for (let tries = 1; ; tries++) {
      try {
        return await this.#pool.withConnection(serviceOf(method.path), (connection) =>
          this.#once(connection, method, bytes, options, signal),
        );
      } catch (error) {
        // Tells more than that there is no host left.
        if (isBrokenCircuit(error)) throw unreachable ?? errorOfPool(this.endpoint, error);
        const failure = errorOfPool(this.endpoint, error);
        if (failure.code === 'UNAVAILABLE' && failure.outcome === 'not-applied') unreachable = failure;
        const renews: boolean = !renewed && this.#renewsToken(failure);
        if (!(renews || failure === unreachable) || tries === triesMax || signal.aborted) throw failure;
        renewed ||= renews;
      }
    }
  }

  async #once<Request, Response>(
    connection: BorrowedConnection,
    method: UnaryMethod<Request, Response>,
    bytes: Buffer,
    options: RpcOptions,
    signal: AnySignal,
  ): Promise<Response> {
    try {
      return await unaryCall(connection.client, method, bytes, metadataOf(connection, options), signal);
    } catch (error) {
      this.#markFailed(connection, error as Error);
      throw errorOfPool(this.endpoint, error);
    }
  }

  /**
   * A stream that lost its token counts as broken, and the one after a broken one gets a new token (see `AuthToken`).
   */
  #streamError(connection: BorrowedConnection, error: Error): ConclaveError {
    this.#markFailed(connection, error);
    this.#pool.authenticator?.invalidateMetadata();
    const failure = errorOfPool(this.endpoint, error);
    if (failure.message !== etcdErrors.invalidAuthToken.text) return failure;
    return new ConclaveError('UNAVAILABLE', failure.message, { cause: error });
  }

  /** As etcd3 itself does after a failed call, so that its circuit breakers learn from our calls too. */
  #markFailed({ resource }: BorrowedConnection, error: Error): void {
    if ((error as GrpcFailure).code === Status.unavailable) this.#pool.markFailed(resource, error);
  }

  #renewsToken(failure: ConclaveError): boolean {
    if (failure.message !== etcdErrors.invalidAuthToken.text) return false;
    this.#pool.authenticator?.invalidateMetadata();
    return true;
  }

  #throwIfOver({ signal }: RpcOptions): void {
    if (this.#closing.signal.aborted) throw new ConclaveError('UNAVAILABLE', `${this.endpoint}: the channel is closed`);
    if (signal?.aborted === true) throw new ConclaveError('CANCELLED', 'the call was cancelled before it was sent');
  }

  #abortError(): ConclaveError {
    if (!this.#closing.signal.aborted) return errorOfStatus(Status.cancelled, 'the call was cancelled');
    return new ConclaveError('UNAVAILABLE', `${this.endpoint}: the channel is closed`, { outcome: 'unknown' });
  }
}

function metadataOf(connection: BorrowedConnection, options: RpcOptions): BorrowedMetadata {
  const metadata = connection.metadata.clone();
  for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
  return metadata;
}

/** A watch on an old stream can be refused for the token that the stream was opened with. */
function isRefusedToken(message: unknown): boolean {
  const { cancelReason } = message as Partial<WatchResponse>;
  return cancelReason?.endsWith(etcdErrors.invalidAuthToken.text) === true;
}
