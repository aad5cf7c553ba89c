import type { OutgoingField } from '../../http2/hpack/encoder.js';
import type { ResponseHeaders } from '../http2/server-stream.js';

/** Seldom the same twice: not worth a place in the peer's table. */
const everChanging: ReadonlySet<string> = new Set(['grpc-message', 'date', 'content-length']);

interface Known {
  readonly status: number | undefined;
  readonly headers: ResponseHeaders;
  readonly fields: readonly OutgoingField[];
}

const nothing: Known = { status: undefined, headers: {}, fields: [] };

/** Answers' heads and trailers as HPACK takes them. The same object as last time gives the same list as last time. */
export class ResponseFields {
  #head = nothing;
  #trailers = nothing;

  head(status: number, headers: ResponseHeaders): readonly OutgoingField[] {
    const last = this.#head;
    if (last.headers !== headers || last.status !== status) {
      this.#head = { status, headers, fields: [{ name: ':status', value: String(status) }, ...fieldsOf(headers)] };
    }
    return this.#head.fields;
  }

  trailers(headers: ResponseHeaders): readonly OutgoingField[] {
    if (this.#trailers.headers !== headers) this.#trailers = { status: undefined, headers, fields: fieldsOf(headers) };
    return this.#trailers.fields;
  }
}

function fieldsOf(headers: ResponseHeaders): OutgoingField[] {
  return Object.entries(headers).flatMap(([name, value = []]) => {
    const values = typeof value === 'string' ? [value] : value;
    return values.map((each): OutgoingField => {
      return { name, value: each, indexing: everChanging.has(name) ? 'plain' : 'table' };
    });
  });
}
