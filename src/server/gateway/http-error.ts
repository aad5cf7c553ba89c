import type { ConclaveError } from '../../core/errors.js';
import { statusOf } from '../../store/etcd-errors.js';

/** HTTP's status for each of gRPC's, as grpc-gateway v2 has it. */
const httpStatuses: readonly number[] = [
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
];

export interface HttpError {
  readonly httpStatus: number;
  /** What the gateway answers when a call fails: the keys of both of its generations (etcd #21100). */
  readonly body: { readonly error: string; readonly message: string; readonly code: number };
}

export function httpErrorOf(error: ConclaveError): HttpError {
  const { status, text } = statusOf(error);
  return { httpStatus: httpStatuses[status] ?? 500, body: { error: text, message: text, code: status } };
}

/** The last line of a stream that fails, again with the keys of both generations. */
export function streamErrorLine(error: ConclaveError): string {
  const { httpStatus, body } = httpErrorOf(error);
  const { code, message } = body;
  const details = { grpc_code: code, http_code: httpStatus, message, http_status: reasons.get(httpStatus) ?? '' };
  return `${JSON.stringify({ error: { ...details, code, details: [] } })}\n`;
}

const reasons: ReadonlyMap<number, string> = new Map([
  [400, 'Bad Request'],
  [401, 'Unauthorized'],
  [403, 'Forbidden'],
  [404, 'Not Found'],
  [408, 'Request Timeout'],
  [409, 'Conflict'],
  [429, 'Too Many Requests'],
  [499, 'Client Closed Request'],
  [500, 'Internal Server Error'],
  [501, 'Not Implemented'],
  [503, 'Service Unavailable'],
  [504, 'Gateway Timeout'],
]);
