import { type Bytes, prefixEnd, utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { RecipeContext } from '../line/context.js';

/** A range of keys below one prefix. */
export interface Folder {
  readonly key: Bytes;
  readonly rangeEnd: Bytes;
}

const idBytesMax = 256;

/** Where the members of the group `name` are, below the namespace. */
export function groupFolder(context: RecipeContext, name: string): Folder {
  return folder(context, 'groups', name);
}

/** Where a partition is: members and who has what, so that one watch shows both at one revision. */
export function partitionFolder(context: RecipeContext, name: string): Folder {
  return folder(context, 'partitions', name);
}

/** The id of the member whose key this is; undefined: nobody's. Only direct children of a folder are members. */
export function memberIdOf({ key: prefix }: Folder, key: Bytes): string | undefined {
  const id = utf8Text(key.subarray(prefix.length));
  return id === '' || id.includes('/') ? undefined : id;
}

export function below({ key }: Folder, path: string): Folder {
  const prefix = utf8(`${utf8Text(key)}${path}/`);
  return { key: prefix, rangeEnd: prefixEnd(prefix) };
}

export function memberKey({ key }: Folder, id: string): Bytes {
  return utf8(`${utf8Text(key)}${id}`);
}

/** @throws ConclaveError `INVALID_NAME`. */
export function checkId(id: string): void {
  const fits = typeof id === 'string' && id !== '' && !id.includes('/') && utf8(id).length <= idBytesMax;
  if (fits) return;
  const shown = JSON.stringify(id);
  throw new ConclaveError('INVALID_NAME', `a member's id is 1 to ${idBytesMax} bytes without "/", got ${shown}`);
}

/**
 * A name that starts with `/` is the exact key prefix, as everywhere.
 * @throws ConclaveError `INVALID_NAME`.
 */
function folder({ namespace }: RecipeContext, root: string, name: string): Folder {
  if (typeof name !== 'string' || name === '' || name.endsWith('/') || /\p{Surrogate}/u.test(name)) {
    throw new ConclaveError('INVALID_NAME', 'a name has at least one character, and no "/" at its end');
  }
  const key = utf8(name.startsWith('/') ? `${name}/` : `${namespace}${root}/${name}/`);
  return { key, rangeEnd: prefixEnd(key) };
}
