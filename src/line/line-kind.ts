import { type Bytes, utf8 } from '../core/bytes.js';
import type { RecipeContext } from './context.js';
import type { Place } from './place.js';
import { isDowngraded, isReader } from './shared.js';

/** How the places of a line exclude each other, for those who look at it from outside. */
export interface LineKind {
  readonly type: 'mutex';
  /** Where lines of this kind live, below the namespace. */
  readonly root: string;
  /** Whether `place` may hold beside `ahead`: those before it that have not left yet, in line order. */
  mayHold(ahead: readonly Place[], place: Place): boolean;
}

/** One place writes, or several read. */
export const mutexKind: LineKind = {
  type: 'mutex',
  root: 'locks',
  mayHold: (ahead, place) => (isReader(place.key) ? ahead.every(reads) : ahead.length === 0),
};

function reads({ key, value }: Place): boolean {
  return isReader(key) || isDowngraded(value);
}

/** Every kind of line that has a root of its own. */
export const lineKinds: readonly LineKind[] = [mutexKind];

/** What stands before the relative names of this kind in their keys. */
export function rootPrefix(context: Pick<RecipeContext, 'namespace'>, kind: LineKind): Bytes {
  return utf8(`${context.namespace}${kind.root}/`);
}
