import { type ClockReading, elapsedMs, type Runtime } from '../core/runtime.js';

/**
 * How long a lease can be relied on: from the moment its last acknowledged grant or heartbeat was *sent*, for its TTL
 * less a margin. The server starts counting when it receives, which is later, so it cannot expire the lease earlier
 * than this unless it breaks its own rule (etcd #12528, #15247: hence guards and the watch on one's own key).
 */
export interface Deadline {
  readonly sentAt: ClockReading;
  readonly ttlMs: number;
}

/** Milliseconds until `deadline`, 0 when it has passed. */
export function remainingMs(runtime: Runtime, deadline: Deadline): number {
  return Math.max(0, deadline.ttlMs - marginMs(deadline.ttlMs) - elapsedMs(runtime, deadline.sentAt));
}

/** Room for clocks that run at different rates: 1 % of the TTL, at least 100 ms (reliability.md section 4, rule 1). */
export function marginMs(ttlMs: number): number {
  return Math.max(100, ttlMs / 100);
}
