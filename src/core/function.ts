import { ConclaveError } from './errors.js';

/**
 * Asked before anything is taken: else what was taken for the work would stay taken.
 * @throws ConclaveError `INVALID_ARGUMENT` unless `value` can be called.
 */
export function assertFunction(what: string, value: unknown): void {
  if (typeof value !== 'function') throw new ConclaveError('INVALID_ARGUMENT', `${what} is no function`);
}
