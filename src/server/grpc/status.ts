import type { ConclaveError } from '../../core/errors.js';
import { statusOf } from '../../store/etcd-errors.js';
import type { ResponseHeaders } from '../http2/server-stream.js';

const ok: ResponseHeaders = { 'grpc-status': '0' };

/** The headers that end a call: in order without `error`, else with its status and text. */
export function statusTrailers(error: ConclaveError | undefined): ResponseHeaders {
  if (error === undefined) return ok;
  const { status, text } = statusOf(error);
  return { 'grpc-status': String(status), 'grpc-message': percentEncode(text) };
}

const plain = /^[ -$&-~]*$/;

/** Everything but printable ASCII, and `%` itself, as `%XX` of its UTF-8 bytes (gRPC over HTTP/2, "Status-Message"). */
export function percentEncode(text: string): string {
  if (plain.test(text)) return text;
  let encoded = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
