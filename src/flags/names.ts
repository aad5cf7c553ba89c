import { type Bytes, prefixEnd, utf8, utf8Text } from '../core/bytes.js';
import type { RecipeContext } from '../line/context.js';

/** Below the namespace: one key for each flag, and beside them what has been. */
export const roots = { values: 'flags/', history: 'flags-history/' } as const;

/** Beside the flags; no flag's key starts with "$". */
export const evaluatorsName = '$evaluators';
export const metadataName = '$metadata';

export function allFlags({ namespace }: RecipeContext): { readonly key: Bytes; readonly rangeEnd: Bytes } {
  const key = utf8(`${namespace}${roots.values}`);
  return { key, rangeEnd: prefixEnd(key) };
}

/** The flag's key of a key of the store. */
export function nameOf({ namespace }: RecipeContext, key: Bytes): string {
  return utf8Text(key).slice(namespace.length + roots.values.length);
}
