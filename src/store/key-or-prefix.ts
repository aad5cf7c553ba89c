import { prefixEnd } from '../core/bytes.js';
import { bytesOf, type Text } from './ops.js';

/** One key, or all keys that start with a prefix. */
export type KeyOrPrefix = { readonly key: Text } | { readonly prefix: Text };

/** What a range of the store is named by: keys from `key` up to `rangeEnd`, or all with a prefix. */
export type Selection = KeyOrPrefix & { readonly rangeEnd?: Text | undefined };

/** In etcd's words. */
export function selected<T extends Selection>(what: T) {
  if ('prefix' in what) {
    const { prefix, ...rest } = what;
    // Every key starts with the empty prefix; etcd writes that as "\0" to the end.
    const bytes = bytesOf(prefix);
    const key = bytes.length === 0 ? new Uint8Array([0]) : bytes;
    return { ...rest, key, rangeEnd: bytes.length === 0 ? key : prefixEnd(key) };
  }
  const { rangeEnd, ...rest } = what;
  return { ...rest, key: bytesOf(what.key), ...(rangeEnd !== undefined && { rangeEnd: bytesOf(rangeEnd) }) };
}
