import type { Runtime } from '../../core/runtime.js';
import type { Store } from '../../store/store.js';
import type { RpcChannel } from '../../wire/rpc-channel.js';
import type { RpcContext } from '../../wire/rpc-service.js';
import { RpcStore } from '../../wire/rpc-store.js';
import { LastingChannel } from './lasting-channel.js';

/** So many callers' stores are kept ready. One that is dropped lives on until the calls that use it are over. */
const maxStores = 256;

/**
 * The store as each caller may use it: whatever is asked on a caller's behalf, clean-up included, goes with the token
 * that the caller sent and the name in its certificate. Callers with the same of both share a store, and so its watch
 * stream; a store that nobody uses holds no stream and no timer.
 */
export class CallerStores {
  readonly #runtime: Runtime;
  readonly #channels: readonly LastingChannel[];
  readonly #stores = new Map<string, Store>();

  /** `channels`: one per endpoint; closed by `close()`. */
  constructor(runtime: Runtime, channels: readonly RpcChannel[]) {
    this.#runtime = runtime;
    this.#channels = channels.map((channel) => new LastingChannel(channel));
  }

  of({ metadata, peer }: Pick<RpcContext, 'metadata' | 'peer'>): Store {
    const sent = identityOf(metadata);
    const name = peer?.certificateName;
    const id = JSON.stringify([sent, name]);
    const store = this.#stores.get(id) ?? this.#open(Object.fromEntries(sent), name);
    // The one used last is the last to go.
    this.#stores.delete(id);
    this.#stores.set(id, store);
    for (const oldest of this.#stores.keys()) {
      if (this.#stores.size <= maxStores) break;
      this.#stores.delete(oldest);
    }
    return store;
  }

  /** Ends every call and watch of every store with `CLOSED`. Idempotent. */
  async close(): Promise<void> {
    this.#stores.clear();
    await Promise.all(this.#channels.map((channel) => channel.shut()));
  }

  #open(metadata: Readonly<Record<string, string>>, certificateName: string | undefined): Store {
    const channels =
      certificateName === undefined ? this.#channels : this.#channels.map((channel) => channel.as({ certificateName }));
    return new RpcStore({ channels, runtime: this.#runtime, metadata });
  }
}

/** Of what a caller sends, that by which etcd knows who asks: nothing else of it goes on. */
export function identityOf(metadata: Readonly<Record<string, string>>): (readonly [name: string, value: string])[] {
  return ['token', 'authorization'].flatMap((name) => {
    const value = metadata[name];
    return value === undefined ? [] : [[name, value] as const];
  });
}
