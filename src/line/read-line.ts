import { type Bytes, latin1, prefixEnd } from '../core/bytes.js';
import type { CallOptions, Store } from '../store/store.js';
import type { LineKind, LineRoot } from './line-kind.js';
import { comparePlaces, isPlace, type Place } from './place.js';

/** A line at one revision: its places in order, and how they exclude each other. */
export interface ReadLine {
  readonly kind: LineKind;
  readonly places: readonly Place[];
}

/** Reads the line below `prefix`, one of those below `lines`: all of it, in one request. */
export async function readLine(store: Store, prefix: Bytes, lines: LineRoot, call: CallOptions): Promise<ReadLine> {
  const { kvs } = await store.range({ key: prefix, rangeEnd: prefixEnd(prefix) }, call);
  const own = kvs.filter(({ key }) => !key.subarray(prefix.length).includes(0x2f));
  const places = own.filter((kv) => isPlace(prefix, kv)).sort(comparePlaces);
  return { kind: lines.kindOf(own.filter(({ key }) => lines.isRecord(latin1(key)))), places };
}
