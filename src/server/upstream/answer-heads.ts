import { areSameFields, type Field } from '../../http2/hpack/field.js';
import type { ResponseHeaders } from '../http2/server-stream.js';

const none: { readonly fields: readonly Field[]; readonly headers: ResponseHeaders } = { fields: [], headers: {} };

/** Makes headers of a member's heads, or trailers. Of one that is as the last one it gives the same object. */
export class AnswerHeads {
  #last = none;

  /** Without `:status`. */
  read(fields: readonly Field[]): ResponseHeaders {
    if (!areSameFields(this.#last.fields, fields)) this.#last = { fields, headers: headersOf(fields) };
    return this.#last.headers;
  }
}

/** The object has no prototype: names come from the peer. */
function headersOf(fields: readonly Field[]): ResponseHeaders {
  const headers: Record<string, string | string[]> = Object.create(null);
  for (const { name, value } of fields) {
    if (name.startsWith(':')) continue;
    const known = headers[name];
    headers[name] = known === undefined ? value : [known, value].flat();
  }
  return headers;
}
