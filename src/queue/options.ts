import { ConclaveError } from '../core/errors.js';
import { assertSchema, type StandardSchema } from '../core/standard-schema.js';
import { assertWhole } from '../core/whole.js';
import type { Backoff } from './backoff.js';

export interface QueueOptions<T = unknown> {
  /**
   * What a payload must be, for any validator that follows Standard Schema v1. Asked at `enqueue`, and again before a
   * job is handed out, where what it makes of the payload is what the handler gets; one that does not fit is a dead
   * letter.
   */
  readonly schema?: StandardSchema<T> | undefined;
  /** How often a job is handed out before it is a dead letter; a consumer's death counts. Default: 5. */
  readonly maxAttempts?: number | undefined;
  /** How long a failed job waits: doubled per attempt, half of it by chance. Default: 1,000 and 60,000. */
  readonly backoff?: Partial<Backoff> | undefined;
  /** Jobs in the queue, of every state. Default: 10,000. */
  readonly maxJobs?: number | undefined;
  /** KiB of all payloads in the queue, each rounded up. Default: 65,536. */
  readonly maxKib?: number | undefined;
  /** KiB of one payload. Default: 64; at most 512. */
  readonly maxJobKib?: number | undefined;
}

/** With the defaults filled in. */
export interface QueueSettings {
  readonly schema: StandardSchema | undefined;
  readonly maxAttempts: number;
  readonly backoff: Backoff;
  readonly maxJobs: number;
  readonly maxKib: number;
  readonly maxJobKib: number;
}

/** @throws ConclaveError `INVALID_ARGUMENT` for what is no whole number from 1. */
export function settingsOf<T>(options: QueueOptions<T>): QueueSettings {
  const { schema, maxAttempts = 5, backoff = {}, maxJobs = 10_000, maxKib = 65_536, maxJobKib = 64 } = options;
  const { firstMs = 1_000, mostMs = 60_000 } = backoff;
  for (const [name, value] of Object.entries({ maxAttempts, maxJobs, maxKib, maxJobKib, firstMs, mostMs })) {
    assertWhole(name, value, 1);
  }
  if (maxJobKib > 512) throw new ConclaveError('INVALID_ARGUMENT', `maxJobKib must be at most 512, got ${maxJobKib}`);
  assertSchema(schema);
  return { schema, maxAttempts, backoff: { firstMs, mostMs }, maxJobs, maxKib, maxJobKib };
}

/** Ten years. */
export const delayLimitMs = 315_360_000_000;

/** @throws ConclaveError `INVALID_ARGUMENT` unless a number of milliseconds from 0 to ten years. */
export function checkDelay(delayMs: number): void {
  if (typeof delayMs === 'number' && delayMs >= 0 && delayMs <= delayLimitMs) return;
  throw new ConclaveError('INVALID_ARGUMENT', `delayMs must be from 0 to ${delayLimitMs}, got ${String(delayMs)}`);
}

/** @throws ConclaveError `INVALID_ARGUMENT` */
export function oneOf(what: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return;
  throw new ConclaveError('INVALID_ARGUMENT', `${what} must be one of ${allowed.join(', ')}, got ${String(value)}`);
}
