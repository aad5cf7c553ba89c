import { Etcd3 } from 'etcd3';
import { Etcd3Channel } from '../../src/channels/etcd3-channel.js';
import { GrpcChannel } from '../../src/channels/grpc-channel.js';
import { H2Channel } from '../../src/channels/h2-channel.js';
import { utf8 } from '../../src/core/bytes.js';
import type { ConclaveError } from '../../src/core/errors.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import type { Event, TxnRequest } from '../../src/store/messages.js';
import type { Store, WatchSpec } from '../../src/store/store.js';
import type { Credentials } from '../../src/wire/auth-token.js';
import type { RpcChannel } from '../../src/wire/rpc-channel.js';
import { RpcStore } from '../../src/wire/rpc-store.js';

export interface OpenOptions {
  readonly credentials?: Credentials | undefined;
  readonly requestTimeoutMs?: number | undefined;
}

/** A way to a real etcd; `close` ends everything that was opened. */
export interface Opened {
  readonly store: RpcStore;
  close(): Promise<void>;
}

export function openH2(urls: readonly string[], options: OpenOptions = {}): Opened {
  return openOver(
    urls.map((url) => new H2Channel({ address: addressOf(url) })),
    options,
  );
}

export function openGrpc(urls: readonly string[], options: OpenOptions = {}): Opened {
  return openOver(
    urls.map((url) => new GrpcChannel({ address: addressOf(url) })),
    options,
  );
}

function openOver(channels: readonly RpcChannel[], options: OpenOptions): Opened {
  const store = new RpcStore({ channels, runtime: new NodeRuntime(), ...options });
  return { store, close: () => store.close() };
}

/** Over npm etcd3, which holds the credentials itself. */
export function openEtcd3(urls: readonly string[], options: OpenOptions = {}): Opened {
  const { credentials, requestTimeoutMs } = options;
  const auth = credentials === undefined ? {} : { auth: credentials };
  const client = new Etcd3({ hosts: [...urls], ...auth });
  const store = new RpcStore({ channels: [new Etcd3Channel(client)], runtime: new NodeRuntime(), requestTimeoutMs });
  const close = async () => {
    await store.close();
    client.close();
  };
  return { store, close };
}

export function addressOf(url: string): string {
  return url.replace(/^https?:\/\//, '');
}

export function putTxn(key: string, value: string, lease = 0n): TxnRequest {
  return { success: [{ type: 'put', request: { key: utf8(key), value: utf8(value), lease } }] };
}

/** What a watch told, and a way to wait for the next of it. */
export class ToldWatch {
  readonly events: Event[] = [];
  /** Revisions of `onCreated`. */
  readonly created: bigint[] = [];
  readonly progress: bigint[] = [];
  /** Revisions of the events of each call. */
  readonly batches: bigint[][] = [];
  error: ConclaveError | undefined;
  readonly cancel: () => void;
  #waiting: (() => void)[] = [];

  constructor(store: Store, spec: WatchSpec) {
    this.cancel = store.watch(spec, {
      onCreated: (revision) => this.#note(() => this.created.push(revision)),
      onEvents: (events) =>
        this.#note(() => {
          this.events.push(...events);
          this.batches.push(events.map((event) => event.kv.modRevision));
        }),
      onProgress: (revision) => this.#note(() => this.progress.push(revision)),
      onEnd: (error) =>
        this.#note(() => {
          this.error = error;
        }),
    });
  }

  get values(): string[] {
    return this.events.map((event) => Buffer.from(event.kv.value).toString());
  }

  /** Resolves when `condition` holds; looks again at everything the watch tells. */
  async until(condition: (log: this) => boolean): Promise<void> {
    // Bounded by the test's own timeout.
    while (!condition(this)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #note(fn: () => void): void {
    fn();
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
