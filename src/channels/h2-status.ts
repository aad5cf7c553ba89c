import type { ConclaveError } from '../core/errors.js';
import type { Field } from '../http2/hpack/field.js';
import { transportError } from '../http2-client/transport-error.js';
import { errorOfStatus, Status } from '../store/etcd-errors.js';

export function headerOf(fields: readonly Field[], name: string): string | undefined {
  for (const each of fields) if (each.name === name) return each.value;
  return undefined;
}

/** What trailers say: undefined for OK. */
export function errorOfTrailers(endpoint: string, fields: readonly Field[]): ConclaveError | undefined {
  const text = headerOf(fields, 'grpc-status');
  if (text === '0') return undefined;
  if (text === undefined) return errorOfStatus(Status.unknown, `${endpoint}: the call ended without a status`);
  const status = /^\d{1,9}$/.test(text) ? Number(text) : Status.unknown;
  return errorOfAnswer(endpoint, status, percentDecoded(headerOf(fields, 'grpc-message') ?? ''));
}

/**
 * etcd's own texts stay as they are. What a proxy or a server that shuts down says instead of it gets the endpoint's
 * name; a call that such a one cancelled is as one whose connection broke.
 */
export function errorOfAnswer(endpoint: string, status: number, text: string): ConclaveError {
  const isTransport = status === Status.cancelled || status === Status.unavailable;
  if (!isTransport || text.startsWith('etcdserver: ')) return errorOfStatus(status, text);
  return transportError(endpoint, text, 'unknown');
}

/** For an answer that has no gRPC status (gRPC's `doc/http-grpc-status-mapping.md`). */
export function errorOfHttp(endpoint: string, httpStatus: string): ConclaveError {
  const status = grpcStatuses[httpStatus] ?? Status.unknown;
  const text = `the answer is HTTP ${httpStatus}, not gRPC`;
  return status === Status.unavailable
    ? transportError(endpoint, text, 'unknown')
    : errorOfStatus(status, `${endpoint}: ${text}`);
}

const grpcStatuses: Readonly<Record<string, number>> = {
  400: Status.internal,
  401: Status.unauthenticated,
  403: Status.permissionDenied,
  404: Status.unimplemented,
  429: Status.unavailable,
  502: Status.unavailable,
  503: Status.unavailable,
  504: Status.unavailable,
};

/** `grpc-message` is UTF-8, with percent signs for all but printable ASCII; what is malformed stays as it is. */
export function percentDecoded(text: string): string {
  if (!text.includes('%')) return text;
  const bytes = text.replaceAll(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
