import { type Bytes, latin1, noBytes } from '../core/bytes.js';

/** One text for one range, and another one for any other: what is shared is found by it. */
export function rangeId({ key, rangeEnd = noBytes }: { readonly key: Bytes; readonly rangeEnd?: Bytes | undefined }) {
  // Bytes may be anything, a separator too: the length says where the key ends.
  return `${key.length} ${latin1(key)}${latin1(rangeEnd)}`;
}
