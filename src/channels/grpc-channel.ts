import * as grpc from '@grpc/grpc-js';
import { linkCall, onAbort } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import type { EndpointOptions, TlsOptions } from '../http2-client/endpoint-options.js';
import { errorOfStatus, Status } from '../store/etcd-errors.js';
import type { DuplexMethod, UnaryMethod } from '../wire/methods.js';
import type { Duplex, DuplexListener, RpcChannel, RpcOptions } from '../wire/rpc-channel.js';
import { asBuffer, duplexCall, errorOfGrpc, type GrpcClient, unaryCall } from './grpc-calls.js';

/** One endpoint over `@grpc/grpc-js`, with a connection of its own that is made by the first call. */
export class GrpcChannel implements RpcChannel {
  readonly endpoint: string;
  readonly #options: EndpointOptions;
  readonly #closing = new AbortController();
  #client: grpc.Client | undefined;

  constructor(options: EndpointOptions) {
    this.endpoint = options.address;
    this.#options = options;
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
      return await unaryCall(this.#connect(), method, bytes, metadataOf(options), signal);
    } catch (error) {
      throw signal.aborted ? this.#abortError() : errorOfGrpc(this.endpoint, error as Error);
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
    const stopListening = () => {
      unlink();
      stopCancelling();
    };
    const onEnd = (error: Error | undefined) => {
      stopListening();
      listener.onEnd(error);
    };
    const call = duplexCall(
      this.#connect(),
      method,
      metadataOf(options),
      { onMessage: (message) => listener.onMessage(message), onEnd },
      (error) => errorOfGrpc(this.endpoint, error),
    );
    const cancel = () => {
      stopListening();
      call.cancel();
    };
    const stopCancelling = onAbort(signal, () => {
      cancel();
      listener.onEnd(this.#abortError());
    });
    return { ...call, cancel };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#client?.close();
    this.#client = undefined;
  }

  #connect(): GrpcClient<grpc.Metadata> {
    this.#client ??= new grpc.Client(this.#options.address, credentialsOf(this.#options.tls), clientOptions);
    return this.#client;
  }

  #throwIfOver({ signal }: RpcOptions): void {
    if (this.#closing.signal.aborted) throw this.#closedError('not-applied');
    if (signal?.aborted === true) throw new ConclaveError('CANCELLED', 'the call was cancelled before it was sent');
  }

  /** Why we have cancelled a call ourselves. */
  #abortError(): ConclaveError {
    if (this.#closing.signal.aborted) return this.#closedError('unknown');
    return errorOfStatus(Status.cancelled, 'the call was cancelled');
  }

  #closedError(outcome: 'not-applied' | 'unknown'): ConclaveError {
    return new ConclaveError('UNAVAILABLE', `${this.endpoint}: the channel is closed`, { outcome });
  }
}

const clientOptions: grpc.ClientOptions = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // A peer that vanished without a word is noticed after 15 s. etcd refuses pings less than 5 s apart.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  // What to repeat is decided above, where it is known what may be.
  'grpc.enable_retries': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  // Else closing one channel leaves the socket to others of the same address, and a dead one is shared.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.service_config_disable_resolution': 1,
};

function credentialsOf(tls: TlsOptions | undefined): grpc.ChannelCredentials {
  if (tls === undefined) return grpc.credentials.createInsecure();
  return grpc.credentials.createSsl(pem(tls.ca), pem(tls.key), pem(tls.cert));
}

function pem(text: Uint8Array | string | undefined): Buffer | null {
  if (text === undefined) return null;
  return typeof text === 'string' ? Buffer.from(text, 'utf8') : asBuffer(text);
}

function metadataOf(options: RpcOptions): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
  return metadata;
}
