import type { IncomingHttpHeaders } from 'node:http2';
import { areSameFields, type Field } from '../../http2/hpack/field.js';

/** Heads that are kept, so that calls which say the same again cost a comparison. */
const maxKept = 32;
/** Names and values of one that is kept. */
const maxKeptChars = 2_048;

interface Kept {
  readonly fields: readonly Field[];
  readonly headers: IncomingHttpHeaders;
}

/** Makes headers of the fields that HPACK gave. Those of equal heads are one object, which is not to be changed. */
export class RequestHeads {
  readonly #kept = new Map<string, Kept>();

  /** Undefined for a request that is malformed (RFC 9113, 8.1.1). */
  read(fields: readonly Field[]): IncomingHttpHeaders | undefined {
    const path = pathOf(fields);
    if (path === undefined) return undefined;
    const kept = this.#kept.get(path);
    if (kept !== undefined && areSameFields(kept.fields, fields)) return kept.headers;
    const headers = requestHeaders(fields);
    if (headers === undefined) return undefined;
    if (charsOf(fields) > maxKeptChars) return headers;
    if (kept === undefined && this.#kept.size >= maxKept) this.#kept.clear();
    this.#kept.set(path, { fields, headers });
    return headers;
  }
}

function pathOf(fields: readonly Field[]): string | undefined {
  for (const { name, value } of fields) if (name === ':path') return value;
  return undefined;
}

function charsOf(fields: readonly Field[]): number {
  return fields.reduce((sum, { name, value }) => sum + name.length + value.length, 0);
}

const pseudoNames: ReadonlySet<string> = new Set([':method', ':scheme', ':path', ':authority']);
/** What belongs to a connection of HTTP/1 (RFC 9113, 8.2.2). */
const connectionNames: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'],
]);

/** The rules of RFC 9113, 8.2 and 8.3. The object has no prototype: names come from the peer. */
export function requestHeaders(fields: readonly Field[]): IncomingHttpHeaders | undefined {
  const headers: Record<string, string> = Object.create(null);
  let pseudos = 0;
  for (const [i, { name, value, valid }] of fields.entries()) {
    if (!valid || connectionNames.has(name) || (name === 'te' && value !== 'trailers')) return undefined;
    if (name.startsWith(':')) {
      // Before all others, each once.
      if (pseudos < i || !pseudoNames.has(name) || name in headers) return undefined;
      pseudos += 1;
    }
    const known = headers[name];
    headers[name] = known === undefined ? value : `${known}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
  const { ':method': method = '', ':scheme': scheme = '', ':path': path = '' } = headers;
  return method === '' || scheme === '' || path === '' ? undefined : headers;
}

/** Whether a request may end with these: no names of HTTP/2's own (RFC 9113, 8.1). */
export function areTrailers(fields: readonly Field[]): boolean {
  return fields.every(({ name, valid }) => valid && !name.startsWith(':') && !connectionNames.has(name));
}
