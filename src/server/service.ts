import type { Runtime } from '../core/runtime.js';
import type { EngineHost } from '../engine/engine-host.js';
import { LoopbackChannel } from '../wire/loopback-channel.js';
import type { UnaryHandler } from '../wire/rpc-service.js';
import { Authority } from './auth/authority.js';
import { GuardedService } from './auth/guarded-service.js';
import { PasswordHasher } from './auth/password-hash.js';
import { CallerStores } from './concurrency/caller-stores.js';
import { type ConcurrencyHandlers, concurrencyHandlers } from './concurrency/handlers.js';
import { adminHandlers } from './handlers/admin.js';
import { whenKept } from './handlers/kept.js';
import { kvHandlers } from './handlers/kv.js';
import { keepAliveHandler, leaseHandlers } from './handlers/lease.js';
import { maxRequestBytesDefault } from './handlers/request-size.js';
import { snapshotHandler } from './handlers/snapshot.js';
import { type WatchLimits, watchHandler } from './handlers/watch.js';
import { ServiceTable } from './service-table.js';

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
  /** Of passwords; several services may share it. Default: one of its own, of etcd's cost. */
  readonly hasher?: PasswordHasher | undefined;
}

/** etcd's API over one engine, for sockets, the loopback channel and the simulated network alike. */
export function createService(host: EngineHost, options: ServiceOptions): GuardedService {
  const { runtime, maxRequestBytes = maxRequestBytesDefault, maxLeases = 100_000 } = options;
  const watchLimits: WatchLimits = {
    progressNotifyMs: options.progressNotifyMs ?? 600_000,
    maxWatchesPerStream: options.maxWatchesPerStream ?? 10_000,
    maxWatches: options.maxWatches ?? 100_000,
  };
  const hasher = options.hasher ?? new PasswordHasher(runtime);
  if (options.hasher === undefined) host.onClose(() => hasher.close());
  const authority = new Authority({ runtime, store: host.auth, hasher });
  const unary = [
    ...kvHandlers(host, maxRequestBytes),
    ...leaseHandlers(host, maxLeases),
    ...adminHandlers(host, authority, options.clientUrls ?? (() => [])),
  ].map((handler) => whenKept(host, handler));
  const concurrency = concurrencyService(host, authority, runtime, watchLimits, unary);
  const table = new ServiceTable(
    [...unary, ...concurrency.unary],
    [
      ...[watchHandler(host, runtime, watchLimits), keepAliveHandler(host), snapshotHandler(host, runtime)],
      ...concurrency.duplex,
    ],
  );
  return new GuardedService(table, host, authority);
}

/**
 * Locks and elections as a client of the other handlers, with each caller's own token: what those check and wait for
 * holds for them as well. All waiters of a caller share one watch stream, which only the server's own limit bounds.
 */
function concurrencyService(
  host: EngineHost,
  authority: Authority,
  runtime: Runtime,
  limits: WatchLimits,
  unary: readonly UnaryHandler<unknown, unknown>[],
): ConcurrencyHandlers {
  const watch = watchHandler(host, runtime, { ...limits, maxWatchesPerStream: limits.maxWatches });
  const stores = new CallerStores(runtime, [
    new LoopbackChannel(new GuardedService(new ServiceTable(unary, [watch, keepAliveHandler(host)]), host, authority)),
  ]);
  host.onClose(() => void stores.close());
  return concurrencyHandlers(runtime, stores);
}
