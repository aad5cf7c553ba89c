import { type AnySignal, onAbort } from '../core/abort.js';
import type { ConclaveError } from '../core/errors.js';
import { errorOfStatus, Status } from '../store/etcd-errors.js';
import type { DuplexMethod } from '../wire/methods.js';
import type { DuplexListener } from '../wire/rpc-channel.js';
import type { DuplexCall, DuplexReply } from '../wire/rpc-service.js';
import { connectionLost } from './connection-lost.js';
import { ServedCall } from './served-call.js';
import type { CallSite, OpenCall } from './sim-channel.js';
import type { Fate, Message } from './sim-link.js';
import type { ServerInstance } from './sim-server.js';
import { overTheWire } from './unary-call.js';

export interface StreamOptions {
  readonly metadata: Readonly<Record<string, string>>;
  readonly signal: AnySignal | undefined;
  /** Both ends are done with it. */
  readonly onOver: () => void;
}

type Direction = Message['direction'];

/**
 * One call with many messages each way. In each direction they arrive in the order in which they were sent, up to the
 * first that is lost. Each end may end it; the other hears of it in its own time.
 */
export class StreamCall<Request, Response> implements OpenCall {
  readonly #site: CallSite;
  readonly #method: DuplexMethod<Request, Response>;
  readonly #listener: DuplexListener<Response>;
  readonly #options: StreamOptions;
  /** When the last message arrives, by direction: none may overtake it. */
  readonly #lastMs = { toServer: 0, toClient: 0 };
  /** Nothing arrives any more, and nobody is told. */
  readonly #mute = { toServer: false, toClient: false };
  #instance: ServerInstance | undefined;
  #serverCall: DuplexCall<Request> | undefined;
  readonly #served: ServedCall;
  #stopListening: () => void = () => {};
  #clientOver = false;
  #serverOver = false;
  #cancelled = false;
  #halfClosed = false;

  constructor(
    site: CallSite,
    method: DuplexMethod<Request, Response>,
    listener: DuplexListener<Response>,
    options: StreamOptions,
  ) {
    this.#site = site;
    this.#method = method;
    this.#listener = listener;
    this.#options = options;
    this.#served = new ServedCall(options.metadata);
  }

  get path(): string {
    return this.#method.path;
  }

  get over(): boolean {
    return this.#clientOver && this.#serverOver;
  }

  /** The client has ended it, and the server may not know yet. */
  get cancelled(): boolean {
    return this.#cancelled;
  }

  open(): void {
    this.#instance = this.#site.server.instance;
    if (this.#instance === undefined) {
      this.#serverOver = true;
      this.#endClientLater(connectionLost());
      return;
    }
    const cancelled = () => this.#abort(errorOfStatus(Status.cancelled, 'the call was cancelled'));
    this.#stopListening = onAbort(this.#options.signal, cancelled);
    this.#toServer(undefined, () => this.#openServer());
  }

  send(message: Request): void {
    if (this.#clientOver) return;
    const { request: codec } = this.#method;
    const body = this.#site.asBytes ? codec.decode(codec.encode(message)) : message;
    this.#toServer(body, (arrived) => this.#serverCall?.onMessage(arrived as Request));
  }

  halfClose(): void {
    if (this.#clientOver || this.#halfClosed) return;
    this.#halfClosed = true;
    this.#toServer(undefined, () => this.#serverCall?.onHalfClose());
  }

  /** The listener hears nothing more. */
  cancel(): void {
    if (this.#clientOver) return;
    this.#cancelled = true;
    this.#endClient();
    this.#toServer(undefined, () => this.#endServer());
  }

  /** From now on nothing arrives in `direction`, and neither end is told: half of a connection is gone. */
  silence(direction: Direction): void {
    this.#mute[direction] = true;
  }

  get silenced(): boolean {
    return this.#mute.toServer || this.#mute.toClient;
  }

  reset(): void {
    this.#mute.toServer = true;
    this.#mute.toClient = true;
    this.#endClientLater(connectionLost());
    this.#endServerLater();
  }

  clientGone(): void {
    this.#mute.toServer = true;
    this.#endClient();
    this.#endServerLater();
  }

  serverGone(): void {
    this.#mute.toClient = true;
    this.#serverCall = undefined;
    this.#finish('server');
    this.#endClientLater(connectionLost());
  }

  #openServer(): void {
    const handler = this.#instance?.service.duplex(this.path);
    if (handler === undefined) {
      this.#finish('server');
      this.#endClientLater(errorOfStatus(Status.unimplemented, `unknown method ${this.path}`));
      return;
    }
    const reply: DuplexReply<Response> = {
      send: (message) => this.#sendToClient(message),
      end: (error) => this.#endByServer(error),
    };
    this.#serverCall = handler.open(reply as DuplexReply<unknown>, this.#served) as DuplexCall<Request>;
  }

  #sendToClient(message: Response): void {
    if (this.#serverOver) return;
    const { response: codec } = this.#method;
    const body = this.#site.asBytes ? codec.decode(codec.encode(message)) : message;
    this.#toClient(body, (arrived) => this.#listener.onMessage(arrived as Response));
  }

  #endByServer(error: ConclaveError | undefined): void {
    this.#finish('server');
    this.#toClient(undefined, () => {
      this.#endClient();
      this.#listener.onEnd(error === undefined ? undefined : overTheWire(error));
    });
  }

  #toServer(body: unknown, arrive: (body: unknown) => void): void {
    const instance = this.#instance;
    if (instance === undefined) return;
    const fate = this.#fateOf('toServer', body);
    if (fate === undefined) return;
    this.#site.world.after(fate.delayMs, instance.process, this.path, () => {
      if (!this.#serverOver && !this.#mute.toServer) arrive(fate.body);
    });
  }

  #toClient(body: unknown, arrive: (body: unknown) => void): void {
    const fate = this.#fateOf('toClient', body);
    // A watch response from which a fault has taken every event is not sent.
    if (fate === undefined || (fate.body === undefined && body !== undefined)) return;
    this.#site.world.after(fate.delayMs, this.#site.client, this.path, () => {
      if (!this.#clientOver && !this.#mute.toClient) arrive(fate.body);
    });
  }

  /** Undefined if it does not arrive. */
  #fateOf(direction: Direction, body: unknown): Fate | undefined {
    const { link, world } = this.#site;
    if (this.#mute[direction]) return undefined;
    const fate = link.fateOf({ direction, shape: 'stream', path: this.path, body });
    if (fate.lost === 'reset') this.reset();
    if (fate.lost === 'silently') this.silence(direction);
    if (fate.lost !== undefined) return undefined;
    const atMs = Math.max(world.nowMs + fate.delayMs, this.#lastMs[direction]);
    this.#lastMs[direction] = atMs;
    fate.delayMs = atMs - world.nowMs;
    return fate;
  }

  #abort(error: ConclaveError): void {
    if (this.#clientOver) return;
    this.cancel();
    this.#listener.onEnd(error);
  }

  #endClientLater(error: ConclaveError): void {
    if (this.#clientOver) return;
    const { world, link, client } = this.#site;
    world.after(link.drawDelayMs(), client, 'reset', () => {
      if (this.#clientOver) return;
      this.#endClient();
      this.#listener.onEnd(error);
    });
  }

  #endServerLater(): void {
    const instance = this.#instance;
    if (this.#serverOver || instance === undefined) return;
    const { world, link } = this.#site;
    world.after(link.drawDelayMs(), instance.process, 'reset', () => this.#endServer());
  }

  #endClient(): void {
    this.#stopListening();
    this.#finish('client');
  }

  #endServer(): void {
    if (this.#serverOver) return;
    this.#finish('server');
    this.#serverCall?.onCancel();
  }

  #finish(side: 'client' | 'server'): void {
    const was = this.over;
    if (side === 'client') this.#clientOver = true;
    else {
      this.#serverOver = true;
      this.#served.end();
    }
    if (!was && this.over) this.#options.onOver();
  }
}
