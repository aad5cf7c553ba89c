import type { IncomingHttpHeaders } from 'node:http2';
import type { OutgoingField } from '../../http2/hpack/encoder.js';
import type { TlsOptions } from '../../http2-client/endpoint-options.js';
import { H2Dialer } from '../../http2-client/h2-dialer.js';
import { requestField } from '../../http2-client/request-field.js';

/** The cluster behind the server: which of its members is asked. */
export class Members {
  readonly #members: readonly Member[];
  #index = 0;

  /** `urls`: `http://host:port` or `https://host:port`, at least one; `tls` is for the latter. */
  constructor(urls: readonly string[], tls?: TlsOptions) {
    this.#members = urls.map((url) => new Member(url, tls));
  }

  get count(): number {
    return this.#members.length;
  }

  get current(): Member {
    return this.#members[this.#index] as Member;
  }

  /** `lost` is to be asked no more for now. Does nothing if that is known already. */
  leave(lost: Member): void {
    if (this.current === lost) this.#index = (this.#index + 1) % this.#members.length;
  }
}

/** What belongs to one connection and not to the call. */
const connectionHeaders: ReadonlySet<string> = new Set(['host', 'connection', 'transfer-encoding', 'keep-alive', 'te']);

/** One member of the cluster. */
export class Member {
  readonly address: string;
  readonly dialer: H2Dialer;
  readonly #own: readonly OutgoingField[];
  /** Of callers' heads: equal ones of a connection are one object. */
  readonly #known = new WeakMap<IncomingHttpHeaders, readonly OutgoingField[]>();

  constructor(url: string, tls: TlsOptions | undefined) {
    const isSecure = url.startsWith('https:');
    this.address = url.replace(/^https?:\/\/|\/$/g, '');
    this.dialer = new H2Dialer({ address: this.address, tls: isSecure ? (tls ?? {}) : undefined });
    this.#own = [
      { name: ':method', value: 'POST' },
      { name: ':scheme', value: isSecure ? 'https' : 'http' },
      { name: ':authority', value: this.dialer.authority },
    ];
  }

  /** The head with which the call of a caller goes to this member. The same head gives the same list. */
  fieldsOf(headers: IncomingHttpHeaders): readonly OutgoingField[] {
    let fields = this.#known.get(headers);
    if (fields === undefined) {
      const path = { name: ':path', value: headers[':path'] ?? '' };
      fields = [...this.#own, path, { name: 'te', value: 'trailers' }, ...plainFields(headers)];
      this.#known.set(headers, fields);
    }
    return fields;
  }
}

function plainFields(headers: IncomingHttpHeaders): OutgoingField[] {
  return Object.entries(headers).flatMap(([name, value = []]) => {
    if (name.startsWith(':') || connectionHeaders.has(name)) return [];
    return (typeof value === 'string' ? [value] : value).map((each) => requestField(name, each));
  });
}
