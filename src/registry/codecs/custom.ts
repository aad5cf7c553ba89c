import type { Bytes } from '../../core/bytes.js';
import { bytesOf, type Text } from '../../store/ops.js';
import { type EntryName, entryOf, type RegistryCodec } from '../codec.js';
import { checkSpec, type InstanceSpec } from '../instance.js';

/** What `custom` takes. */
export interface CustomCodec {
  /** Default: `custom`. */
  readonly name?: string | undefined;
  /** Put before the names of services, in place of the registry's own root. */
  readonly root?: string | undefined;
  encode(spec: InstanceSpec, name: EntryName): Text;
  /** @throws anything when `value` is no entry. */
  decode(value: Bytes, name: EntryName): InstanceSpec;
}

/**
 * A format of one's own. An instance that is not to be called now is not on the store, as with every foreign format.
 */
export function custom({ name = 'custom', root, encode, decode }: CustomCodec): RegistryCodec {
  return {
    name,
    root,
    keepsState: false,
    encode: (entry, named) => bytesOf(encode(entry, named)),
    decode: (value, named) => {
      const spec = decode(value, named);
      checkSpec(spec);
      return entryOf(spec);
    },
  };
}
