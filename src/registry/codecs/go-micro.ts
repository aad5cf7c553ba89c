import { utf8 } from '../../core/bytes.js';
import { entryOf, type RegistryCodec } from '../codec.js';
import { jsonObjectOf, objectOf, stringsOf, textOf, textsOf } from './fields.js';

/**
 * Entries of go-micro: `/micro/registry/<service>/<node>`, each a service with one node:
 * `{"name","version","metadata","endpoints","nodes":[{"id","address","metadata"}]}`. Metadata holds strings only. In
 * keys the "/" of names are "-".
 */
export const goMicro: RegistryCodec = {
  name: 'go-micro',
  root: '/micro/registry/',
  nameInKeys: (service) => service.replaceAll('/', '-'),
  keepsState: false,
  encode: ({ address, version, protocol, metadata }, { id, service }) => {
    const node = { id, address, metadata: { ...(protocol !== undefined && { protocol }), ...stringsOf(metadata) } };
    const named = { name: service, version: version ?? '', metadata: {}, endpoints: [], nodes: [node] };
    return utf8(JSON.stringify(named));
  },
  decode: (value) => {
    const read = jsonObjectOf(value);
    const [first] = Array.isArray(read.nodes) ? read.nodes : [];
    const node = objectOf(first);
    const address = textOf(node.address);
    if (address === undefined) throw new Error('no node with an address');
    const metadata = textsOf(node.metadata);
    return entryOf({ address, version: textOf(read.version), protocol: metadata.protocol, metadata });
  },
};
