import { pause } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import { elapsedMs } from '../core/runtime.js';
import { isOverfull } from '../store/etcd-errors.js';
import { unanswered } from '../store/repeat.js';
import type { Deadline } from './deadline.js';
import type { SessionContext } from './session.js';

const retryPauseMs = 200;

/**
 * Grants lease `id` and tells until when it can be relied on. A grant whose answer was lost is sent again: the id makes
 * that safe. Finding the lease there already, it is taken over with a heartbeat, which also tells its TTL.
 * Tries for one TTL, then rejects with `UNAVAILABLE` and what the store said last.
 */
export async function grantLease(
  context: SessionContext,
  id: bigint,
  ttlSeconds: bigint,
  signal: AbortSignal,
): Promise<Deadline> {
  const { runtime } = context;
  const startedAt = runtime.clocks();
  const patienceMs = Number(ttlSeconds) * 1000;
  // Bounded by the TTL.
  for (;;) {
    try {
      return await grantOnce(context, id, ttlSeconds);
    } catch (error) {
      signal.throwIfAborted();
      if (!unanswered(error) || isOverfull(error)) throw error;
      if (elapsedMs(runtime, startedAt) + retryPauseMs > patienceMs) throw unavailable(error, patienceMs);
    }
    await pause(runtime, retryPauseMs, signal);
  }
}

async function grantOnce({ store, runtime }: SessionContext, id: bigint, ttl: bigint): Promise<Deadline> {
  const sentAt = runtime.clocks();
  try {
    const granted = await store.leaseGrant({ id, ttl });
    return { sentAt, ttlMs: Number(granted.ttl) * 1000 };
  } catch (error) {
    if (!ConclaveError.is(error, 'LEASE_EXISTS')) throw error;
  }
  const beatAt = runtime.clocks();
  const kept = await store.leaseKeepAlive({ id });
  if (kept.ttl <= 0n)
    throw new ConclaveError('UNAVAILABLE', `lease ${id.toString(16)} expired while it was taken over`);
  return { sentAt: beatAt, ttlMs: Number(kept.ttl) * 1000 };
}

function unavailable(cause: unknown, patienceMs: number): ConclaveError {
  const { message } = ConclaveError.from(cause);
  return new ConclaveError('UNAVAILABLE', `no lease within ${patienceMs} ms: ${message}`, {
    cause,
    outcome: 'unknown',
  });
}
