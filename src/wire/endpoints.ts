import { ConclaveError } from '../core/errors.js';
import type { RpcChannel } from './rpc-channel.js';

/** The channels of a store, of which one is in use until it fails. */
export class Endpoints {
  readonly #channels: readonly RpcChannel[];
  #index = 0;

  constructor(channels: readonly RpcChannel[]) {
    if (channels.length === 0) throw new ConclaveError('INVALID_ARGUMENT', 'a store needs at least one endpoint');
    this.#channels = channels;
  }

  get current(): RpcChannel {
    return this.#channels[this.#index] as RpcChannel;
  }

  get count(): number {
    return this.#channels.length;
  }

  /** `failed` is to be used no more for now. Does nothing if another call has left it already. */
  leave(failed: RpcChannel): void {
    if (this.current === failed) this.#index = (this.#index + 1) % this.#channels.length;
  }

  async close(): Promise<void> {
    await Promise.all(this.#channels.map((channel) => channel.close()));
  }
}
