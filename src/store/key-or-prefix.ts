import { prefixEnd } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { bytesOf, type Text } from './ops.js';

/** One key, or all keys that start with a prefix. */
export type KeyOrPrefix = { readonly key: Text } | { readonly prefix: Text };

/** What a range of the store is named by: keys from `key` up to `rangeEnd`, or all with a prefix. */
export type Selection = KeyOrPrefix & { readonly rangeEnd?: Text | undefined };

/** @throws ConclaveError `INVALID_ARGUMENT` for anything else, as a text alone. */
export function assertKeyOrPrefix(what: unknown): void {
  const fields: object = Object(what);
  if ('key' in fields || 'prefix' in fields) return;
  const got = typeof what === 'string' ? JSON.stringify(what) : typeof what;
  throw new ConclaveError('INVALID_ARGUMENT', `say { key } or { prefix }, got ${got}`);
}

/** In etcd's words. @throws ConclaveError `INVALID_ARGUMENT`. */
export function selected<T extends Selection>(what: T) {
  assertKeyOrPrefix(what);
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
