import { type Bytes, latin1, utf8, utf8Text } from '../core/bytes.js';
import type { KeyValue } from '../store/messages.js';
import type { RecipeContext } from './context.js';
import type { Place } from './place.js';
import { isDowngraded, isReader } from './shared.js';
import { permitsIn, weightOf } from './weighted.js';

/** How the places of a line exclude each other, for those who look at it from outside. */
export interface LineKind {
  readonly type: 'lock' | 'semaphore';
  /** Whether `place` may hold beside `ahead`: those before it that have not left yet, in line order. */
  mayHold(ahead: readonly Place[], place: Place): boolean;
}

/** One place writes, or several read. */
export const mutexKind = {
  type: 'lock',
  root: 'locks',
  mayHold: (ahead: readonly Place[], place: Place) => (isReader(place.key) ? ahead.every(reads) : ahead.length === 0),
} as const satisfies LineKind & { readonly root: string };

/** Whether `place` lets readers in beside it. */
export function reads({ key, value }: Place): boolean {
  return isReader(key) || isDowngraded(value);
}

/** As many places as fit into the permits. */
function semaphoreKind(permits: number): LineKind {
  const weigh = (place: Place) => weightOf(prefixOf(place), place);
  const mayHold: LineKind['mayHold'] = (ahead, place) =>
    ahead.reduce((sum, each) => sum + weigh(each), weigh(place)) <= permits;
  return { type: 'semaphore', mayHold };
}

/** Where the lines of one kind live, below the namespace. */
export interface LineRoot {
  readonly root: string;
  /** Whether a key, as latin1, that is no place says something of its line. */
  isRecord(key: string): boolean;
  /** `records`: the values of those keys. */
  kindOf(records: readonly KeyValue[]): LineKind;
}

/** The root of locks: also for absolute names, where nothing tells what a line is. */
export const lockRoot: LineRoot = { root: mutexKind.root, isRecord: () => false, kindOf: () => mutexKind };

/** The root of semaphores. */
export const semaphoreRoot: LineRoot = {
  root: 'semaphores',
  isRecord: (key) => /\/(declared|permits)$/.test(key),
  kindOf: (records) => semaphoreKind(permitsOf(records)),
};

/** Every kind of line whose places exclude each other. */
export const lineRoots: readonly LineRoot[] = [lockRoot, semaphoreRoot];

/** What stands before the relative names of this root in their keys. */
export function rootPrefix(context: Pick<RecipeContext, 'namespace'>, { root }: Pick<LineRoot, 'root'>): Bytes {
  return utf8(`${context.namespace}${root}/`);
}

function permitsOf(records: readonly KeyValue[]): number {
  const named = (name: string) => records.filter((kv) => latin1(kv.key).endsWith(`/${name}`));
  const declared = Number(utf8Text(named('declared')[0]?.value ?? utf8('1')));
  return permitsIn({ kvs: named('permits') }, declared).permits;
}

function prefixOf({ key }: Place): Bytes {
  return key.subarray(0, key.lastIndexOf(0x2f) + 1);
}
