import type { Etcd3 } from 'etcd3';
import { Conclave } from '../conclave.js';
import { ConclaveError } from '../core/errors.js';
import { Scope } from '../core/scope.js';
import { ttlSeconds } from '../lease/ttl.js';
import { urlFromEnvironment } from '../node/environment.js';
import { NodeRuntime } from '../node/node-runtime.js';
import { contextOf } from './context.js';
import { openStore } from './open-store.js';
import type { ConnectOptions } from './options.js';
import { reach } from './reach.js';

/**
 * Connects and makes sure that the store answers, unless `options.lazy`.
 *
 * `target`: `memory:` (an embedded store of this connection's own), `memory:name` (shared by all of this process),
 * `file:./data` (an embedded store on disk, for one process at a time),
 * `http://a:2379,b:2379` or `https://…` (etcd or `conclave serve`), a borrowed npm `Etcd3` client (never closed
 * here), or nothing:
 * `$CONCLAVE_URL`, else `$ETCDCTL_ENDPOINTS`, else `http://127.0.0.1:2379`.
 * @throws ConclaveError `INVALID_URL`, `INVALID_TTL`, `INVALID_ARGUMENT`; `UNAVAILABLE` naming the endpoints when
 * none can be reached; `FAILED_PRECONDITION` for a directory that another process (named) uses or that is damaged;
 * `UNAUTHENTICATED` for wrong credentials; `options.signal.reason` itself on abort.
 */
export async function connect(target?: string | Etcd3, options: ConnectOptions = {}): Promise<Conclave> {
  options.signal?.throwIfAborted();
  checkOptions(options);
  const runtime = options.runtime ?? new NodeRuntime();
  const scope = new Scope();
  try {
    const opened = await openStore(target ?? urlFromEnvironment(), options, runtime);
    scope.add(() => opened.close());
    if (opened.remote && options.lazy !== true) await reach(opened.store, opened.where, options);
    return new Conclave(contextOf(opened.store, runtime, options), scope);
  } catch (error) {
    await scope.close();
    throw error;
  }
}

function checkOptions({ ttlMs, username, password, tls, requestTimeoutMs, connectTimeoutMs }: ConnectOptions): void {
  if (ttlMs !== undefined) ttlSeconds(ttlMs);
  if ((username === undefined) !== (password === undefined)) {
    throw new ConclaveError('INVALID_ARGUMENT', 'username and password go together');
  }
  if ((tls?.cert === undefined) !== (tls?.key === undefined)) {
    throw new ConclaveError('INVALID_ARGUMENT', 'tls.cert and tls.key go together');
  }
  for (const [name, value] of Object.entries({ requestTimeoutMs, connectTimeoutMs })) {
    if (value !== undefined && !(value > 0)) {
      throw new ConclaveError('INVALID_ARGUMENT', `${name} must be a positive number of milliseconds, got ${value}`);
    }
  }
}
