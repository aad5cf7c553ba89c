import { type Bytes, latin1, prefixEnd } from '../core/bytes.js';

/** A half-open interval of latin1 key strings: string order is byte order there. */
export interface KeyRange {
  readonly start: string;
  /** Exclusive; undefined: every key from `start` on. */
  readonly end: string | undefined;
  /** Whether the range was asked for as one key. */
  readonly single: boolean;
}

/** etcd's range convention (protocol.md section 0): no end is one key, the end `"\0"` is every key from `key` on. */
export function keyRange(key: Bytes, rangeEnd?: Bytes | undefined): KeyRange {
  const start = latin1(key);
  if (rangeEnd === undefined || rangeEnd.length === 0) return { start, end: `${start}\0`, single: true };
  if (isOpenEnd(rangeEnd)) return { start, end: undefined, single: false };
  return { start, end: latin1(rangeEnd), single: false };
}

export function isOpenEnd(rangeEnd: Bytes): boolean {
  return rangeEnd.length === 1 && rangeEnd[0] === 0;
}

export function inRange(range: KeyRange, text: string): boolean {
  return text >= range.start && (range.end === undefined || text < range.end);
}

/** Whether no key can lie in it; never so for a single key. */
export function isEmptyRange(range: KeyRange): boolean {
  return range.end !== undefined && range.start >= range.end;
}

/** Whether `range` is what `prefixEnd` makes of its start: all keys that begin with it. */
export function isPrefixRange(range: KeyRange): boolean {
  if (range.single || range.end === undefined) return false;
  return range.end === latin1(prefixEnd(Buffer.from(range.start, 'latin1')));
}
