import { ConclaveError } from '../core/errors.js';
import { version } from '../core/version.js';
import type { OutgoingField } from '../http2/hpack/encoder.js';
import { requestField } from '../http2-client/request-field.js';

type Metadata = Readonly<Record<string, string>>;

const noMetadata: Metadata = {};

/**
 * The heads of calls. The same path and metadata give the same list, which the encoder then knows by its block:
 * metadata stay one object as long as a token is the same.
 */
export class H2Fields {
  readonly #scheme: OutgoingField;
  readonly #authority: OutgoingField;
  readonly #known = new WeakMap<Metadata, Map<string, readonly OutgoingField[]>>();

  constructor(scheme: 'http' | 'https', authority: string) {
    this.#scheme = { name: ':scheme', value: scheme };
    this.#authority = { name: ':authority', value: authority };
  }

  /** @throws ConclaveError `INVALID_ARGUMENT` for metadata that no header can carry. */
  of(path: string, metadata: Metadata = noMetadata): readonly OutgoingField[] {
    let byPath = this.#known.get(metadata);
    if (byPath === undefined) {
      byPath = new Map();
      this.#known.set(metadata, byPath);
    }
    let fields = byPath.get(path);
    if (fields === undefined) {
      fields = this.#make(path, metadata);
      byPath.set(path, fields);
    }
    return fields;
  }

  #make(path: string, metadata: Metadata): readonly OutgoingField[] {
    return [
      { name: ':method', value: 'POST' },
      this.#scheme,
      { name: ':path', value: path },
      this.#authority,
      { name: 'content-type', value: 'application/grpc' },
      { name: 'te', value: 'trailers' },
      { name: 'user-agent', value: `conclave/${version}` },
      ...Object.entries(metadata).map(([name, value]) => fieldOf(name.toLowerCase(), value)),
    ];
  }
}

function fieldOf(name: string, value: string): OutgoingField {
  if (/^[0-9a-z_.-]+$/.test(name) && /^[\x20-\x7e]*$/.test(value)) {
    return requestField(name, value);
  }
  throw new ConclaveError('INVALID_ARGUMENT', `metadata ${JSON.stringify(name)} cannot be sent in a header`);
}
