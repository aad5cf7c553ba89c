import type { MirrorChange } from '../store/mirror.js';
import type { CacheEntry, Decoding } from './decoding.js';

/** What became of one key. Absent `before`: it is new; absent `after`: it is gone, or cannot be read any more. */
export interface CacheKeyChange<T> {
  readonly key: string;
  readonly before: CacheEntry<T> | undefined;
  readonly after: CacheEntry<T> | undefined;
}

/** One step from a state that existed to a later one. */
export interface CacheChange<T> {
  /** The store's revision of the state after it. */
  readonly revision: bigint;
  readonly keys: readonly CacheKeyChange<T>[];
  /** Steps in between were left out: all that differs, in one step. */
  readonly resync: boolean;
}

export function changeOf<T>({ revision, keys, resync }: MirrorChange, decoding: Decoding<T>): CacheChange<T> {
  const changes = keys.flatMap(({ before, after }) => {
    const [was, is] = [decoding.entryOf(before), decoding.entryOf(after)];
    const key = was?.key ?? is?.key;
    return key === undefined ? [] : [{ key, before: was, after: is }];
  });
  return { revision, keys: changes, resync };
}

/** Several in a row as one. */
export function merged<T>(changes: readonly CacheChange<T>[]): CacheChange<T> {
  const keys = new Map<string, CacheKeyChange<T>>();
  for (const change of changes) {
    for (const each of change.keys) {
      keys.set(each.key, { ...each, before: keys.has(each.key) ? keys.get(each.key)?.before : each.before });
    }
  }
  const different = [...keys.values()].filter(({ before, after }) => before !== after);
  return { revision: changes.at(-1)?.revision ?? 0n, keys: different, resync: true };
}
