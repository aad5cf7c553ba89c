import { ConclaveError } from '../core/errors.js';
import { errorOfStatus, etcdError, Status } from '../store/etcd-errors.js';
import type { WatchResponse } from '../store/messages.js';

/** How Go prints a gRPC error; etcd puts that into `cancel_reason`. */
const goError = /^rpc error: code = (\w+) desc = (.*)$/s;

/** Why the server ended a watch. */
export function cancelError(response: WatchResponse): ConclaveError {
  const { cancelReason: reason, compactRevision } = response;
  if (compactRevision > 0n) return etcdError('compacted');
  const [, name = '', text = ''] = goError.exec(reason) ?? [];
  if (name !== '') return errorOfStatus(statusByGoName(name), text);
  // The server's own refusals: an empty range, a watch id that is taken.
  if (reason.startsWith('mvcc: ')) return new ConclaveError('INVALID_ARGUMENT', reason);
  if (reason === '') return new ConclaveError('CANCELLED', 'the server cancelled the watch');
  return errorOfStatus(Status.cancelled, reason);
}

/** Go's names are those of `Status` with a capital first letter. */
function statusByGoName(name: string): number {
  const key = `${name.slice(0, 1).toLowerCase()}${name.slice(1)}`;
  return key in Status ? Status[key as keyof typeof Status] : Status.unknown;
}
