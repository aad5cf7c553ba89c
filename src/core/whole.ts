import { ConclaveError } from './errors.js';

/** @throws ConclaveError `INVALID_ARGUMENT` unless `value` is a whole number of at least `least`. */
export function assertWhole(what: string, value: unknown, least: number): asserts value is number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return;
  throw new ConclaveError(
    'INVALID_ARGUMENT',
    `${what} must be a whole number of at least ${least}, got ${String(value)}`,
  );
}
