import { type Bytes, fromLatin1, latin1, prefixEnd, utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { RecipeContext } from '../line/context.js';
import { assertKeyOrPrefix } from '../store/key-or-prefix.js';

/** Values of one kind, and where they live below the namespace; what has been of each beside them. */
export interface Versioned extends RecipeContext {
  /** As `{ values: 'config/', history: 'config-history/' }`. */
  readonly roots: { readonly values: string; readonly history: string };
}

/** One key, or all keys below a prefix. */
export type KeyOrPrefix = { readonly key: string } | { readonly prefix: string };

/** A range of values and what they are called. */
export interface Place {
  /** As its user calls it. */
  readonly name: string;
  readonly key: Bytes;
  /** Undefined: one key. */
  readonly rangeEnd: Bytes | undefined;
  /** Where a key of the store, one char per byte, stands in the whole: `db/host`; empty for the one key of a place. */
  pathOf(key: string): string;
  /** The key of the store at `path`. */
  keyAt(path: string): Bytes;
}

/**
 * A name that starts with `/` is the exact key, as everywhere; any other lives under the root of the values. A prefix
 * is a folder: `app` and `app/` are the same, and never what begins with `apple`.
 * @throws ConclaveError `INVALID_NAME`, `INVALID_ARGUMENT`.
 */
export function placeOf(context: Versioned, what: KeyOrPrefix): Place {
  assertKeyOrPrefix(what);
  if ('key' in what) {
    const key = keyOf(context, what.key);
    return { name: what.key, key, rangeEnd: undefined, pathOf: () => '', keyAt: () => key };
  }
  const folder = folderOf(what.prefix);
  const key = utf8(absolute(context, folder));
  const { length } = latin1(key);
  return {
    name: folder,
    key,
    rangeEnd: prefixEnd(key),
    pathOf: (each) => utf8Text(fromLatin1(each.slice(length))),
    keyAt: (path) => utf8(absolute(context, `${folder}${path}`)),
  };
}

/** @throws ConclaveError `INVALID_NAME`. */
export function keyOf(context: Versioned, name: string): Bytes {
  if (typeof name !== 'string' || name === '' || name.endsWith('/') || /.\/\//.test(name)) throw invalidName(name);
  return utf8(absolute(context, name));
}

/**
 * Where what has been is kept: `<namespace><root of history><name>//<entry>`. No name has two slashes in it but at its
 * start, so that the last two end the name.
 */
export function historyPrefix({ namespace, roots }: Versioned, what: KeyOrPrefix): Bytes {
  return utf8(`${namespace}${roots.history}${'key' in what ? `${what.key}//` : folderOf(what.prefix)}`);
}

/** The name of the key whose history entry this is. */
export function nameOfHistory({ namespace, roots }: Versioned, entry: Bytes): string {
  const text = utf8Text(entry).slice(namespace.length + roots.history.length);
  return text.slice(0, text.lastIndexOf('//'));
}

function folderOf(prefix: string): string {
  if (typeof prefix !== 'string' || /.\/\//.test(prefix)) throw invalidName(prefix);
  return prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
}

function absolute({ namespace, roots }: Versioned, name: string): string {
  return name.startsWith('/') ? name : `${namespace}${roots.values}${name}`;
}

function invalidName(name: unknown): ConclaveError {
  const shown = JSON.stringify(name);
  return new ConclaveError(
    'INVALID_NAME',
    `a key has at least one character, no "/" at its end and no "//" in it, got ${shown}`,
  );
}
