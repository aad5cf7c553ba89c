import { ConclaveError } from './errors.js';

/** @throws ConclaveError `INVALID_ARGUMENT` unless `value` is an object; `what` names it. */
export function assertObject(what: string, value: unknown): void {
  if (typeof value === 'object' && value !== null) return;
  throw new ConclaveError(
    'INVALID_ARGUMENT',
    `${what} must be an object, got ${value === null ? value : typeof value}`,
  );
}

/** @throws ConclaveError `INVALID_ARGUMENT` unless `value` is a text; `what` names it. */
export function assertText(what: string, value: unknown): void {
  if (typeof value === 'string') return;
  throw new ConclaveError('INVALID_ARGUMENT', `${what} must be a string, got ${typeof value}`);
}

/**
 * Asked before anything is taken: else what was taken for the work would stay taken.
 * @throws ConclaveError `INVALID_ARGUMENT` unless `value` can be called.
 */
export function assertFunction(what: string, value: unknown): void {
  if (typeof value !== 'function') throw new ConclaveError('INVALID_ARGUMENT', `${what} is no function`);
}
