import { type Bytes, utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { folderPrefix, linePrefix, type RecipeContext } from '../line/context.js';
import { type Span, below as spanBelow } from '../line/rule.js';

/** A range of keys below one prefix. */
export type Folder = Span;

const idBytesMax = 256;

/** Where the members of the group `name` are, below the namespace. */
export function groupFolder(context: RecipeContext, name: string): Folder {
  return folder(name, linePrefix(context, 'groups', name));
}

/** Where a partition is: members and who has what, so that one watch shows both at one revision. */
export function partitionFolder(context: RecipeContext, name: string): Folder {
  return folder(name, folderPrefix(context, 'partitions', name));
}

/** The id of the member whose key this is; undefined: nobody's. Only direct children of a folder are members. */
export function memberIdOf({ key: prefix }: Folder, key: Bytes): string | undefined {
  const id = utf8Text(key.subarray(prefix.length));
  return id === '' || id.includes('/') ? undefined : id;
}

export function below({ key }: Folder, path: string): Folder {
  return spanBelow(utf8(`${utf8Text(key)}${path}/`));
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

/** @throws ConclaveError `INVALID_NAME`. */
function folder(name: string, key: Bytes): Folder {
  if (!name.endsWith('/')) return spanBelow(key);
  throw new ConclaveError('INVALID_NAME', `a group’s name has no "/" at its end, got ${JSON.stringify(name)}`);
}
