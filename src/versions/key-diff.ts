import { type Bytes, sameBytes, utf8Text } from '../core/bytes.js';
import { jsonOrText } from '../core/plain.js';

/** What one change did to one key of the store. */
export interface KeyDiff {
  /** As whoever tells of it calls it: a watch, below its prefix (`db/host`); writers and the history, in full. */
  readonly key: string;
  readonly type: 'added' | 'modified' | 'deleted';
  readonly oldValue: unknown;
  readonly newValue: unknown;
}

/** As JSON if it is some, else as text. */
export function shown(bytes: Bytes | undefined): unknown {
  return bytes === undefined ? undefined : jsonOrText(utf8Text(bytes));
}

/** What differs between two states, by name. */
export function differences(before: ReadonlyMap<string, Bytes>, after: ReadonlyMap<string, Bytes>): KeyDiff[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.flatMap((key): KeyDiff[] => {
    const [was, is] = [before.get(key), after.get(key)];
    if (!differs(was, is)) return [];
    const type = was === undefined ? 'added' : is === undefined ? 'deleted' : 'modified';
    return [{ key, type, oldValue: shown(was), newValue: shown(is) }];
  });
}

export function differs(a: Bytes | undefined, b: Bytes | undefined): boolean {
  return a === undefined || b === undefined ? a !== b : !sameBytes(a, b);
}
