import { partition } from '../../core/halving.js';
import { isEmptyRange, type KeyRange } from '../key-range.js';

/** Half-open; no end: every key from `start` on. */
interface Interval {
  readonly start: string;
  readonly end: string | undefined;
}

/**
 * A union of key ranges, open-ended ones included. A range is covered if every key that can lie in it is, whether by
 * one grant or by several that meet.
 */
export class GrantedRanges {
  /** Sorted, and neither touching nor overlapping. */
  readonly #intervals: readonly Interval[];

  constructor(ranges: Iterable<KeyRange>) {
    this.#intervals = merge([...ranges].filter((range) => !isEmptyRange(range)));
  }

  /** Never so for a range in which no key can lie: whoever asks for it has no right to it either, as in etcd. */
  covers(range: KeyRange): boolean {
    if (isEmptyRange(range)) return false;
    const interval = this.#lastStartingUpTo(range.start);
    if (interval === undefined) return false;
    if (interval.end === undefined) return true;
    return range.end !== undefined && range.end <= interval.end;
  }

  #lastStartingUpTo(text: string): Interval | undefined {
    return this.#intervals[partition(this.#intervals, ({ start }) => start <= text) - 1];
  }
}

function merge(ranges: readonly KeyRange[]): Interval[] {
  const merged: Interval[] = [];
  const sorted = [...ranges].sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  for (const { start, end } of sorted) {
    const last = merged.at(-1);
    if (last === undefined || (last.end !== undefined && start > last.end)) merged.push({ start, end });
    else merged[merged.length - 1] = { start: last.start, end: later(last.end, end) };
  }
  return merged;
}

function later(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return undefined;
  return a > b ? a : b;
}
