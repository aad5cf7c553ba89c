import { ConclaveError } from '../core/errors.js';

/** etcd's revisions are int64. */
const fenceMax = 2n ** 63n - 1n;

/** @throws ConclaveError `INVALID_ARGUMENT` unless `fence` is a bigint that a holder can have. */
export function checkFence(fence: unknown): asserts fence is bigint {
  if (typeof fence === 'bigint' && fence > 0n && fence <= fenceMax) return;
  const got = typeof fence === 'bigint' ? `${fence}` : typeof fence;
  throw new ConclaveError('INVALID_ARGUMENT', `a fence is a positive int64 as a bigint, got ${got}`);
}

/** What a holder is told whose fence is behind `highest`. */
export function staleFence(resource: string, fence: bigint, highest?: bigint): ConclaveError {
  const than = highest === undefined ? 'a higher one' : `${highest}`;
  const message = `${JSON.stringify(resource)}: fence ${fence} is out of date, ${than} has been here`;
  return new ConclaveError('STALE_FENCE', message);
}
