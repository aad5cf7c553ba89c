import { checkEveryMs } from '../../src/store/mirror-checks.js';

/** What one service does all the time. */
export interface ServiceHabits {
  /** Of its session's lease, milliseconds. */
  readonly ttlMs: number;
  /** Locks that nobody else wants, acquired and released, in a second. */
  readonly locksPerSecond: number;
  /** Services that it discovers. */
  readonly discovers: number;
  /** Of every service. */
  readonly instancesEach: number;
}

/** What a store is asked, and what it holds. */
export interface StoreLoad {
  readonly heartbeatsPerSecond: number;
  readonly writesPerSecond: number;
  readonly readsPerSecond: number;
  readonly leases: number;
  readonly watches: number;
  readonly keys: number;
}

/**
 * docs/SCALE.md as arithmetic, for `services` processes that are each registered, discover others and follow the flags:
 * one lease, and a range kept in memory for its own entry, for each service discovered, and for the flags. One request
 * asks after what the registry follows, one after the flags.
 */
export function loadOf(services: number, habits: ServiceHabits): StoreLoad {
  const { ttlMs, locksPerSecond, discovers } = habits;
  const mirrors = 1 + discovers + 1;
  return {
    heartbeatsPerSecond: (services * 3_000) / ttlMs,
    writesPerSecond: services * locksPerSecond * 2,
    readsPerSecond: (services * 2 * 1_000) / checkEveryMs,
    leases: services,
    watches: services * mirrors,
    keys: services,
  };
}
