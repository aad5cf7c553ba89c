import { linkSignals, onAbort } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import { errorOfStatus, Status, statusOf } from '../store/etcd-errors.js';
import type { DuplexMethod, UnaryMethod } from './methods.js';
import type { Duplex, DuplexListener, RpcChannel, RpcOptions } from './rpc-channel.js';
import type { DuplexCall, DuplexReply, RpcContext, RpcService } from './rpc-service.js';

/**
 * Joins a store to a service of the same process. Messages are handed over as they are, each in a microtask of its own
 * and in order, never within the call that sent them. Errors go through their gRPC status, as on a real wire.
 */
export class LoopbackChannel implements RpcChannel {
  readonly endpoint: string;
  readonly #service: RpcService;
  readonly #closing = new AbortController();

  constructor(service: RpcService, endpoint = 'loopback') {
    this.#service = service;
    this.endpoint = endpoint;
  }

  async unary<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    options: RpcOptions,
  ): Promise<Response> {
    this.#throwIfClosed();
    const handler = this.#service.unary(method.path);
    if (handler === undefined) throw unknownMethod(method.path);
    const { signal, unlink } = linkSignals(options.signal, this.#closing.signal);
    try {
      return (await answerOrAbort(signal, async () => {
        // The handler starts after the caller has gone on, as a server would.
        await Promise.resolve();
        return handler.handle(request, { metadata: options.metadata ?? {}, signal, peer: options.peer });
      })) as Response;
    } catch (error) {
      throw this.#closing.signal.aborted ? this.#closedError('unknown') : overTheWire(error);
    } finally {
      unlink();
    }
  }

  duplex<Request, Response>(
    method: DuplexMethod<Request, Response>,
    listener: DuplexListener<Response>,
    options: RpcOptions,
  ): Duplex<Request> {
    this.#throwIfClosed();
    const handler = this.#service.duplex(method.path);
    const call = new LoopbackCall<Request, Response>(listener, options);
    const { signal, unlink } = linkSignals(options.signal, this.#closing.signal);
    call.onOver(unlink);
    const stopCancelling = onAbort(signal, () => {
      const closed = this.#closing.signal.aborted;
      call.abort(closed ? this.#closedError('unknown') : errorOfStatus(Status.cancelled, 'the call was cancelled'));
    });
    call.onOver(stopCancelling);
    if (handler === undefined) call.abort(unknownMethod(method.path));
    else call.start((reply, context) => handler.open(reply as DuplexReply<unknown>, context) as DuplexCall<Request>);
    return {
      send: (message) => call.send(message),
      halfClose: () => call.halfClose(),
      cancel: () => call.cancel(),
    };
  }

  async close(): Promise<void> {
    this.#closing.abort();
  }

  #throwIfClosed(): void {
    if (this.#closing.signal.aborted) throw this.#closedError('not-applied');
  }

  #closedError(outcome: 'not-applied' | 'unknown'): ConclaveError {
    return new ConclaveError('UNAVAILABLE', `${this.endpoint}: the channel is closed`, { outcome });
  }
}

/** One duplex call. Whichever side ends it first, the other is told once, and neither hears anything after that. */
class LoopbackCall<Request, Response> {
  readonly #listener: DuplexListener<Response>;
  readonly #options: RpcOptions;
  readonly #controller = new AbortController();
  readonly #cleanups: (() => void)[] = [];
  #server: DuplexCall<Request> | undefined;
  #isHalfClosed = false;
  #over = false;

  constructor(listener: DuplexListener<Response>, options: RpcOptions) {
    this.#listener = listener;
    this.#options = options;
  }

  /** Runs `cleanup` when the call is over, at once if it is. */
  onOver(cleanup: () => void): void {
    if (this.#over) cleanup();
    else this.#cleanups.push(cleanup);
  }

  start(open: (reply: DuplexReply<Response>, context: RpcContext) => DuplexCall<Request>): void {
    const reply: DuplexReply<Response> = {
      send: (message) => this.#later(() => this.#listener.onMessage(message)),
      end: (error) =>
        this.#later(() => {
          this.#finish();
          this.#listener.onEnd(error === undefined ? undefined : overTheWire(error));
        }),
    };
    this.#later(() => {
      const { metadata = {}, peer } = this.#options;
      this.#server = open(reply, { metadata, signal: this.#controller.signal, peer });
    });
  }

  send(message: Request): void {
    this.#later(() => this.#server?.onMessage(message));
  }

  halfClose(): void {
    if (this.#isHalfClosed) return;
    this.#isHalfClosed = true;
    this.#later(() => this.#server?.onHalfClose());
  }

  /** The caller ends the call and hears nothing more. */
  cancel(): void {
    if (this.#over) return;
    this.#finish();
    queueMicrotask(() => {
      this.#controller.abort();
      this.#server?.onCancel();
    });
  }

  /** The channel ends the call, and both sides hear of it. */
  abort(error: ConclaveError): void {
    if (this.#over) return;
    this.cancel();
    queueMicrotask(() => this.#listener.onEnd(error));
  }

  #later(fn: () => void): void {
    queueMicrotask(() => {
      if (!this.#over) fn();
    });
  }

  #finish(): void {
    this.#over = true;
    for (const cleanup of this.#cleanups) cleanup();
  }
}

function answerOrAbort<T>(signal: AbortSignal, answer: () => Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const stopListening = onAbort(signal, () => reject(errorOfStatus(Status.cancelled, 'the call was cancelled')));
    answer().then(resolve, reject).finally(stopListening);
  });
}

/** What a peer makes of `error`. */
function overTheWire(error: unknown): ConclaveError {
  const { status, text } = statusOf(ConclaveError.from(error));
  return errorOfStatus(status, text, error);
}

function unknownMethod(path: string): ConclaveError {
  return errorOfStatus(Status.unimplemented, `unknown method ${path}`);
}
