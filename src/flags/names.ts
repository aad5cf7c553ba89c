import { type Bytes, prefixEnd, utf8, utf8Text } from '../core/bytes.js';
import type { RecipeContext } from '../line/context.js';

/** Where flags live, below the namespace: one key each. */
const root = 'flags/';

/** Beside them; no flag's key starts with "$". */
export const evaluatorsName = '$evaluators';
export const metadataName = '$metadata';

export function flagKey({ namespace }: RecipeContext, name: string): Bytes {
  return utf8(`${namespace}${root}${name}`);
}

export function allFlags(context: RecipeContext): { readonly key: Bytes; readonly rangeEnd: Bytes } {
  const key = flagKey(context, '');
  return { key, rangeEnd: prefixEnd(key) };
}

/** The flag's key of a key of the store. */
export function nameOf({ namespace }: RecipeContext, key: Bytes): string {
  return utf8Text(key).slice(namespace.length + root.length);
}
