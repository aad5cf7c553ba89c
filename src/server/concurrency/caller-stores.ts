import type { Runtime } from '../../core/runtime.js';
import type { Store } from '../../store/store.js';
import type { RpcChannel } from '../../wire/rpc-channel.js';
import { RpcStore } from '../../wire/rpc-store.js';
import { LastingChannel } from './lasting-channel.js';

/** So many callers' stores are kept ready. One that is dropped lives on until the calls that use it are over. */
const maxStores = 256;

/** By these etcd knows who asks; nothing else of a caller's metadata goes on. */
const identity = ['token', 'authorization'] as const;

/**
 * The store as each caller may use it: whatever is asked on a caller's behalf, clean-up included, goes with the token
 * that the caller sent. Callers with the same token share a store, and so its watch stream; a store that nobody uses
 * holds no stream and no timer.
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

  of(metadata: Readonly<Record<string, string>>): Store {
    const sent = identity.flatMap((name) => (metadata[name] === undefined ? [] : [[name, metadata[name]] as const]));
    const id = JSON.stringify(sent);
    const store = this.#stores.get(id) ?? this.#open(Object.fromEntries(sent));
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

  #open(metadata: Readonly<Record<string, string>>): Store {
    return new RpcStore({ channels: this.#channels, runtime: this.#runtime, metadata });
  }
}
