import type { Nonces } from './nonces.js';

/** What a place in a line stands on: a lease of this process's own (`Session`) or somebody else's (`BorrowedLease`). */
export interface Footing {
  readonly leaseId: bigint;
  /** The lease's time to live in milliseconds. */
  readonly ttlMs: number;
  /** For the keys that are made on it. */
  readonly nonces: Nonces;
  /** Aborts when the lease is over, as far as this process can know. */
  readonly signal: AbortSignal;
  /** @throws ConclaveError `SESSION_LOST` unless the lease can be relied on. */
  assertAlive(): void;
  /** For whoever heard from the server that the lease is gone. */
  leaseGone(): void;
  /** Asks the server; `signal` has aborted by the time this resolves if the lease is gone. */
  verify(): Promise<void>;
}
