/** Every way in which Conclave can fail. Closed: a `switch` over it narrows. */
export type ErrorCode =
  // The caller's input.
  | 'INVALID_ARGUMENT'
  | 'INVALID_NAME'
  | 'INVALID_TTL'
  | 'INVALID_URL'
  | 'UNSUPPORTED'
  // What callers have to agree on, as on a semaphore's permits, and do not.
  | 'MISMATCH'
  // Who the caller is.
  | 'UNAUTHENTICATED'
  | 'PERMISSION_DENIED'
  // What the store said.
  | 'COMPACTED'
  | 'FUTURE_REVISION'
  | 'LEASE_NOT_FOUND'
  | 'LEASE_EXISTS'
  | 'NOT_FOUND'
  | 'FAILED_PRECONDITION'
  // What is on the store, or was to be, does not fit its schema.
  | 'INVALID_VALUE'
  // A number would leave its bounds.
  | 'OUT_OF_RANGE'
  | 'RESOURCE_EXHAUSTED'
  // Somebody else was there first.
  | 'CONFLICT'
  | 'CANCELLED'
  | 'INTERNAL'
  // Whether the store could be asked.
  | 'UNAVAILABLE'
  | 'TIMEOUT'
  // What became of a handle.
  | 'SESSION_LOST'
  | 'LOST'
  | 'RELEASED'
  // Why work is told to stop while its place is kept.
  | 'HAND_OVER'
  | 'UNHEALTHY'
  | 'CLOSED'
  // What a receiver says to a holder that is none any more.
  | 'STALE_FENCE';

/** What the store did with the request that failed. `unknown`: it may have been applied, or may be yet. */
export type Outcome = 'not-applied' | 'unknown';

/**
 * Why a session or a held place is no more: its local deadline passed, the server said that the lease is gone, somebody
 * deleted the key, another process resumed it, this process closed it, or it was held for longer than `maxHoldMs`.
 */
export type LossReason = 'deadline' | 'server' | 'key-deleted' | 'taken-over' | 'closed' | 'max-hold';

export interface ErrorDetails {
  /** Whether the same call may succeed later. Default: true for `UNAVAILABLE` and `TIMEOUT`. */
  readonly retryable?: boolean;
  /** Default: `not-applied`. */
  readonly outcome?: Outcome;
  /** For `SESSION_LOST` and `LOST`. */
  readonly loss?: LossReason | undefined;
  /** For a `CONFLICT` of writers. */
  readonly conflict?: RevisionConflict | undefined;
  readonly cause?: unknown;
}

/** What a writer took for the last revision of a key, and what it was; 0n: there was no such key. */
export interface RevisionConflict {
  readonly key: string;
  readonly expected: bigint;
  readonly actual: bigint;
}

const brand = Symbol.for('conclave.error');

/** The one error class of this package. Two copies of the package know each other's errors by `ConclaveError.is`. */
export class ConclaveError extends Error {
  override readonly name = 'ConclaveError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly outcome: Outcome;
  readonly loss: LossReason | undefined;
  readonly conflict: RevisionConflict | undefined;
  /** @internal */
  readonly [brand] = true;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retryable = details.retryable ?? (code === 'UNAVAILABLE' || code === 'TIMEOUT');
    this.outcome = details.outcome ?? 'not-applied';
    this.loss = details.loss;
    this.conflict = details.conflict;
  }

  /** Whether `error` is a ConclaveError, and one of `codes` if any are given. */
  static is(error: unknown, ...codes: ErrorCode[]): error is ConclaveError {
    if (typeof error !== 'object' || error === null || !(brand in error)) return false;
    return codes.length === 0 || codes.includes((error as ConclaveError).code);
  }

  /** `unknown` as an Error that can be a `cause`: never hides what was thrown. */
  static from(error: unknown): ConclaveError {
    if (ConclaveError.is(error)) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new ConclaveError('INTERNAL', message, { cause: error, outcome: 'unknown' });
  }
}

/** The same failure, of something that may have been applied all the same; what is no ConclaveError stays as it is. */
export function undecided(error: unknown): unknown {
  if (!ConclaveError.is(error) || error.outcome === 'unknown') return error;
  const { code, message, retryable, loss, conflict } = error;
  return new ConclaveError(code, message, { retryable, loss, conflict, outcome: 'unknown', cause: error });
}
