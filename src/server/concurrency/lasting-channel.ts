import { ConclaveError } from '../../core/errors.js';
import type { DuplexMethod, UnaryMethod } from '../../wire/methods.js';
import type { Duplex, DuplexListener, RpcChannel, RpcOptions } from '../../wire/rpc-channel.js';
import type { RpcPeer } from '../../wire/rpc-service.js';

/** A channel that many stores share: it outlives each of them, and once shut ends whatever they still try. */
export class LastingChannel implements RpcChannel {
  readonly #channel: RpcChannel;
  #isShut = false;

  constructor(channel: RpcChannel) {
    this.#channel = channel;
  }

  get endpoint(): string {
    return this.#channel.endpoint;
  }

  async unary<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    options: RpcOptions,
  ): Promise<Response> {
    this.#throwIfShut();
    return this.#channel.unary(method, request, options);
  }

  duplex<Request, Response>(
    method: DuplexMethod<Request, Response>,
    listener: DuplexListener<Response>,
    options: RpcOptions,
  ): Duplex<Request> {
    this.#throwIfShut();
    return this.#channel.duplex(method, listener, options);
  }

  /** The same channel, through which `peer` asks. */
  as(peer: RpcPeer): RpcChannel {
    return {
      endpoint: this.endpoint,
      unary: (method, request, options) => this.unary(method, request, { ...options, peer }),
      duplex: (method, listener, options) => this.duplex(method, listener, { ...options, peer }),
      close: () => this.close(),
    };
  }

  /** The stores that share it do not own it. */
  async close(): Promise<void> {}

  async shut(): Promise<void> {
    this.#isShut = true;
    await this.#channel.close();
  }

  /** `CLOSED` is final, where `UNAVAILABLE` would be tried again for as long as somebody waits. */
  #throwIfShut(): void {
    if (this.#isShut) throw new ConclaveError('CLOSED', 'etcdserver: server stopped');
  }
}
