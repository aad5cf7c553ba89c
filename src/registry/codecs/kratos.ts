import { utf8 } from '../../core/bytes.js';
import { entryOf, type RegistryCodec } from '../codec.js';
import { jsonObjectOf, stringsOf, textOf, textsOf } from './fields.js';

/**
 * Entries of go-kratos: `/microservices/<name>/<id>` with `{"id","name","version","metadata","endpoints"}`. Metadata
 * holds strings only there; the first endpoint is the address, its scheme the protocol.
 */
export const kratos: RegistryCodec = {
  name: 'kratos',
  root: '/microservices/',
  keepsState: false,
  encode: ({ address, version, protocol, metadata }, { id, service }) => {
    const url = address.includes('://') ? address : `${protocol ?? 'grpc'}://${address}?isSecure=false`;
    const named = { id, name: service, version: version ?? '', metadata: stringsOf(metadata), endpoints: [url] };
    return utf8(JSON.stringify(named));
  },
  decode: (value) => {
    const read = jsonObjectOf(value);
    const [endpoint] = Array.isArray(read.endpoints) ? read.endpoints : [];
    const [, protocol, address] = /^([^:]+):\/\/([^/?]+)/.exec(textOf(endpoint) ?? '') ?? [];
    if (address === undefined) throw new Error('no endpoint');
    return entryOf({ address, protocol, version: textOf(read.version), metadata: textsOf(read.metadata) });
  },
};
