import type { OutgoingField } from '../http2/hpack/encoder.js';

/** Who may do what: on no way may it be kept (RFC 7541, 7.1.3). */
const secrets: ReadonlySet<string> = new Set(['token', 'authorization']);
/** Seldom the same twice: not worth a place in the peer's table. */
const everChanging: ReadonlySet<string> = new Set(['grpc-timeout', 'content-length']);

/** A header of a request as HPACK takes it. */
export function requestField(name: string, value: string): OutgoingField {
  if (secrets.has(name)) return { name, value, indexing: 'never' };
  return { name, value, indexing: everChanging.has(name) ? 'plain' : 'table' };
}
