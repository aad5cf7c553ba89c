import type { Runtime } from '../core/runtime.js';
import type { AuthStore } from '../engine/auth/auth-store.js';
import type { EngineHost } from '../engine/engine-host.js';
import type { DuplexHandler, UnaryHandler } from '../wire/rpc-service.js';
import { Authority } from './auth/authority.js';
import { GuardedService } from './auth/guarded-service.js';
import type { HashCost } from './auth/password-hash.js';
import type { GrpcService } from './grpc/service.js';
import { adminHandlers } from './handlers/admin.js';
import { kvHandlers } from './handlers/kv.js';
import { keepAliveHandler, leaseHandlers } from './handlers/lease.js';
import { maxRequestBytesDefault } from './handlers/request-size.js';
import { snapshotHandler } from './handlers/snapshot.js';
import { type WatchLimits, watchHandler } from './handlers/watch.js';

export interface ServiceOptions {
  readonly runtime: Runtime;
  /** Default: etcd's, 1.5 MiB. */
  readonly maxRequestBytes?: number | undefined;
  /** Interval of progress notifications to watches that ask for them. Default: etcd's, 10 minutes. */
  readonly progressNotifyMs?: number | undefined;
  /** Default: 10,000. */
  readonly maxWatchesPerStream?: number | undefined;
  /** Default: 100,000. */
  readonly maxWatches?: number | undefined;
  /** Default: 100,000. */
  readonly maxLeases?: number | undefined;
  /** Where clients reach this server, as `MemberList` tells them. Default: nowhere. */
  readonly clientUrls?: (() => readonly string[]) | undefined;
  /** Users and roles, and whether they are asked for. Default: none, and they are not. */
  readonly auth?: AuthStore | undefined;
  /** What it costs to compute a password's hash. Default: about as much as etcd's, see `defaultHashCost`. */
  readonly passwordHashCost?: HashCost | undefined;
}

/** etcd's API over one engine, for sockets, the loopback channel and the simulated network alike. */
export function createService(host: EngineHost, options: ServiceOptions): GrpcService {
  const { runtime, maxRequestBytes = maxRequestBytesDefault, maxLeases = 100_000 } = options;
  const watchLimits: WatchLimits = {
    progressNotifyMs: options.progressNotifyMs ?? 600_000,
    maxWatchesPerStream: options.maxWatchesPerStream ?? 10_000,
    maxWatches: options.maxWatches ?? 100_000,
  };
  const authority = new Authority({ runtime, store: options.auth, hashCost: options.passwordHashCost });
  const table = new ServiceTable(
    [
      ...kvHandlers(host, maxRequestBytes),
      ...leaseHandlers(host, maxLeases),
      ...adminHandlers(host, authority, options.clientUrls ?? (() => [])),
    ],
    [watchHandler(host, runtime, watchLimits), keepAliveHandler(host), snapshotHandler(host, authority.store)],
  );
  return new GuardedService(table, host, authority);
}

class ServiceTable implements GrpcService {
  readonly #unary: ReadonlyMap<string, UnaryHandler<unknown, unknown>>;
  readonly #duplex: ReadonlyMap<string, DuplexHandler<unknown, unknown>>;
  readonly #services: ReadonlySet<string>;

  constructor(unary: readonly UnaryHandler<unknown, unknown>[], duplex: readonly DuplexHandler<unknown, unknown>[]) {
    this.#unary = new Map(unary.map((handler) => [handler.method.path, handler]));
    this.#duplex = new Map(duplex.map((handler) => [handler.method.path, handler]));
    const paths = [...this.#unary.keys(), ...this.#duplex.keys()];
    this.#services = new Set(paths.map((path) => path.slice(1, path.lastIndexOf('/'))));
  }

  unary(path: string): UnaryHandler<unknown, unknown> | undefined {
    return this.#unary.get(path);
  }

  duplex(path: string): DuplexHandler<unknown, unknown> | undefined {
    return this.#duplex.get(path);
  }

  hasService(name: string): boolean {
    return this.#services.has(name);
  }
}
