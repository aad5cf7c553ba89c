import type { Runtime } from '../core/runtime.js';

export interface ConnectOptions {
  /** For etcd with authentication. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** For `https://`: PEM texts. Default: the system's certificate authorities. */
  readonly tls?: TlsOptions | undefined;
  /** Put before the keys of every recipe, so that several applications can share one etcd: `'shop/'`. Default: none. */
  readonly namespace?: string | undefined;
  /** Time to live of the shared session's lease, in milliseconds. Default: 10,000. */
  readonly ttlMs?: number | undefined;
  /** Shown to others by `inspectLock`, beside host and pid. */
  readonly label?: string | undefined;
  /** How long one request may take, in milliseconds. Default: 5,000. */
  readonly requestTimeoutMs?: number | undefined;
  /**
   * How long `connect` tries to reach the store, in milliseconds. Default: 5,000; a refused loopback address fails
   * sooner.
   */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * Whether small requests that are under way together are sent together. Each keeps its own answer, but several may
   * share a revision. `false`: each goes alone. Without effect on embedded stores, which have no way to save. Default:
   * true.
   */
  readonly batching?: boolean | undefined;
  /**
   * What carries the calls to `http://` and `https://`: `http2`, a small client of our own, or `grpc-js`, the package
   * `@grpc/grpc-js`, which costs two to three times the CPU a call (`npm run bench -- --only client/`) and knows more:
   * proxies named in the environment (`grpc_proxy`, `https_proxy`, `http_proxy`, `no_proxy`). Default: `http2`.
   */
  readonly transport?: 'http2' | 'grpc-js' | undefined;
  /**
   * Whether to come back at once, with the store not asked yet: for a service that starts from a snapshot of its
   * configuration while the store is away. Default: false.
   */
  readonly lazy?: boolean | undefined;
  /**
   * Whether `file:` waits until the disk says that it has what is acknowledged. `false`: nine to eighteen times
   * as fast at one caller (`npm run bench -- --only embedded/`); `kill -9` still loses nothing, but a power cut, or a
   * crash of the machine, may take acknowledged writes or leave a store that does not open. For tests, and for what can
   * be had again. Without effect on every other store. Default: true.
   */
  readonly fsync?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Time and chance; for tests on simulated time. Default: the real ones. */
  readonly runtime?: Runtime | undefined;
}

export interface TlsOptions {
  readonly ca?: string | Uint8Array | undefined;
  /** A client certificate and its key: both or neither. */
  readonly cert?: string | Uint8Array | undefined;
  readonly key?: string | Uint8Array | undefined;
}
