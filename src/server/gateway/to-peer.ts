import { ConclaveError } from '../../core/errors.js';
import type { ReportBug } from '../grpc/serve-call.js';

/** What is no `ConclaveError` is a bug of ours, of which the peer learns no more than that. */
export function toPeer(error: unknown, report: ReportBug): ConclaveError {
  if (ConclaveError.is(error)) return error;
  report(error);
  return new ConclaveError('INTERNAL', 'internal error', { cause: error, outcome: 'unknown' });
}
