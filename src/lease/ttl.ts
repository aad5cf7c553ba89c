import { ConclaveError } from '../core/errors.js';

/** etcd's own limit (`too large lease TTL`), in milliseconds. */
const maxTtlMs = 9_000_000_000 * 1000;

/** The least that is useful: etcd counts in whole seconds, and raises 1 s to its own minimum, usually 2 s. */
const minTtlMs = 1000;

/**
 * A TTL in milliseconds as whole seconds, rounded up: the lease may live longer than asked, never shorter.
 * @throws ConclaveError `INVALID_TTL` for anything that is not a number from 1,000 to etcd's limit.
 */
export function ttlSeconds(ttlMs: number): bigint {
  if (typeof ttlMs !== 'number' || !(ttlMs >= minTtlMs && ttlMs <= maxTtlMs)) {
    throw new ConclaveError(
      'INVALID_TTL',
      `ttlMs must be a number of milliseconds from ${minTtlMs} to ${maxTtlMs}, got ${String(ttlMs)}`,
    );
  }
  return BigInt(Math.ceil(ttlMs / 1000));
}
