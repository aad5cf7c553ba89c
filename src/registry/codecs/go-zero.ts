import { utf8, utf8Text } from '../../core/bytes.js';
import { entryOf, type RegistryCodec } from '../codec.js';
import { checkSpec } from '../instance.js';

/** Entries of go-zero: `<key>/<id>` with nothing but `host:port`. Everything else of an instance is not written. */
export const goZero: RegistryCodec = {
  name: 'go-zero',
  root: '',
  keepsState: false,
  encode: ({ address }) => utf8(address),
  decode: (value) => {
    const spec = { address: utf8Text(value) };
    checkSpec(spec);
    return entryOf(spec);
  },
};
