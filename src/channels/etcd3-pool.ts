import type { Etcd3 } from 'etcd3';
import { ConclaveError } from '../core/errors.js';
import { errorOfStatus, Status } from '../store/etcd-errors.js';
import { errorOfGrpc, type GrpcClient, type GrpcFailure } from './grpc-calls.js';

/** The part of npm etcd3's connection pool that is used. */
export interface BorrowedPool {
  /**
   * Picks a host whose circuit breaker is closed, sees to it that there is a token, and calls `fn`, once. What `fn`
   * throws is thrown as it is, unless it is a plain Error.
   */
  withConnection<T>(service: EtcdService, fn: (connection: BorrowedConnection) => Promise<T>): Promise<T>;
  /** Counts for the circuit breaker of a host, and drops its connections. */
  markFailed(resource: unknown, error: Error): void;
  readonly authenticator?: { invalidateMetadata(): void };
}

export type EtcdService = 'KV' | 'Lease' | 'Watch' | 'Auth' | 'Cluster' | 'Maintenance';

export interface BorrowedConnection {
  readonly resource: unknown;
  readonly client: GrpcClient<BorrowedMetadata>;
  /** Shared by all calls: clone it before adding to it. */
  readonly metadata: BorrowedMetadata;
}

export interface BorrowedMetadata {
  clone(): BorrowedMetadata;
  set(name: string, value: string): void;
}

/**
 * The pool under a client's raw `kv`. etcd3 1.1 declares the field private, but its public `kv`, `watchClient` and
 * `leaseClient` are nothing but this pool with a retry policy and a reflecting codec on top, which are the two things
 * that a channel must not have.
 */
export function poolOf(client: Etcd3): BorrowedPool {
  const { client: pool } = client.kv as unknown as { readonly client?: Partial<BorrowedPool> };
  if (typeof pool?.withConnection !== 'function' || typeof pool.markFailed !== 'function') {
    throw new ConclaveError('UNSUPPORTED', 'this etcd3 client does not lend its connections: use etcd3 1.1');
  }
  return pool as BorrowedPool;
}

/** `KV` of `/etcdserverpb.KV/Range`. */
export function serviceOf(path: string): EtcdService {
  return path.slice(path.indexOf('.') + 1, path.lastIndexOf('/')) as EtcdService;
}

/** etcd3 keeps a gRPC error's status in its message only. */
const statusInMessage = /^(\d+) [A-Z_]+: (.*)$/s;

/** Every host has failed several times in a row; nothing was sent. */
export function isBrokenCircuit(error: unknown): boolean {
  return error instanceof Error && 'isBrokenCircuitError' in error;
}

/** The error of a call, or of what the pool did before it: then nothing was sent. */
export function errorOfPool(endpoint: string, error: unknown): ConclaveError {
  if (ConclaveError.is(error)) return error;
  const failure = error instanceof Error ? error : new Error(String(error));
  if (typeof (failure as GrpcFailure).code === 'number') return errorOfGrpc(endpoint, failure);
  if (isBrokenCircuit(failure)) {
    return new ConclaveError('UNAVAILABLE', `${endpoint}: no host that can be reached`, { cause: error });
  }
  if (failure.constructor.name === 'ClientClosedError') {
    return new ConclaveError('CLOSED', `${endpoint}: the borrowed client is closed`, { cause: error });
  }
  const [, status = String(Status.unknown), text = failure.message] = statusInMessage.exec(failure.message) ?? [];
  const { code, message } = errorOfStatus(Number(status), text);
  return new ConclaveError(code, message, { outcome: 'not-applied', cause: error });
}
