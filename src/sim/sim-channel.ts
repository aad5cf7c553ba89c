import { ConclaveError } from '../core/errors.js';
import type { DuplexMethod, UnaryMethod } from '../wire/methods.js';
import type { Duplex, DuplexListener, RpcChannel, RpcOptions } from '../wire/rpc-channel.js';
import type { SimLink } from './sim-link.js';
import type { SimProcess } from './sim-process.js';
import type { SimServer } from './sim-server.js';
import { StreamCall } from './stream-call.js';
import { UnaryCall } from './unary-call.js';
import type { World } from './world.js';

/** Where a call takes place. */
export interface CallSite {
  readonly world: World;
  readonly client: SimProcess;
  readonly link: SimLink;
  readonly server: SimServer;
  /** Messages go through the codec, as on a real wire, instead of by reference. */
  readonly asBytes: boolean;
}

/** A call as its connection sees it. */
export interface OpenCall {
  /** The connection broke: both ends that are still there hear of it, each in its own time. */
  reset(): void;
  /** The client died, or the server did: only the other end hears of it. */
  clientGone(): void;
  serverGone(): void;
  /** Whether both ends are done with it. */
  readonly over: boolean;
}

/**
 * A connection of one client process to the server: calls over a simulated network to the real handlers. After a reset
 * the next call opens it again, as grpc channels do.
 */
export class SimChannel implements RpcChannel {
  readonly endpoint: string;
  readonly #site: CallSite;
  readonly #calls = new Set<OpenCall>();
  #closed = false;

  constructor(site: CallSite, endpoint: string) {
    this.#site = site;
    this.endpoint = endpoint;
    site.server.connected(this);
  }

  async unary<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    options: RpcOptions,
  ): Promise<Response> {
    if (this.#closed) throw this.#closedError('not-applied');
    const call = new UnaryCall(this.#site, method, options.metadata ?? {});
    this.#calls.add(call);
    try {
      return await call.run(request, options.signal);
    } finally {
      this.#calls.delete(call);
    }
  }

  duplex<Request, Response>(
    method: DuplexMethod<Request, Response>,
    listener: DuplexListener<Response>,
    options: RpcOptions,
  ): Duplex<Request> {
    if (this.#closed) throw this.#closedError('not-applied');
    const call: StreamCall<Request, Response> = new StreamCall(this.#site, method, listener, {
      metadata: options.metadata ?? {},
      signal: options.signal,
      onOver: () => this.#calls.delete(call),
    });
    this.#calls.add(call);
    call.open();
    return {
      send: (message) => call.send(message),
      halfClose: () => call.halfClose(),
      cancel: () => call.cancel(),
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // Streams that were cancelled are among the calls until the server has heard of it.
    for (const call of [...this.#calls]) if (!(call instanceof StreamCall && call.cancelled)) call.reset();
  }

  /** The connection breaks. */
  reset(): void {
    for (const call of [...this.#calls]) call.reset();
  }

  clientGone(): void {
    for (const call of [...this.#calls]) call.clientGone();
  }

  serverGone(): void {
    for (const call of [...this.#calls]) call.serverGone();
  }

  /** The streams that are open, for faults that pick one. */
  get streams(): readonly StreamCall<unknown, unknown>[] {
    return [...this.#calls].filter((call) => call instanceof StreamCall);
  }

  #closedError(outcome: 'not-applied' | 'unknown'): ConclaveError {
    return new ConclaveError('UNAVAILABLE', `${this.endpoint}: the channel is closed`, { outcome });
  }
}
