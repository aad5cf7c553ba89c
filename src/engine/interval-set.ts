import { partition } from '../core/halving.js';
import type { KeyRange } from './key-range.js';
import { isEmptyRange } from './key-range.js';

/** A union of key ranges, kept as sorted intervals that neither touch nor overlap. Ranges without an end stay out. */
export class IntervalSet {
  readonly #points = new Set<string>();
  readonly #starts: string[] = [];
  readonly #ends: string[] = [];

  add(range: KeyRange): void {
    if (range.single) this.#points.add(range.start);
    else if (range.end !== undefined && !isEmptyRange(range)) this.#addInterval(range.start, range.end);
  }

  addAll(other: IntervalSet): void {
    for (const point of other.#points) this.#points.add(point);
    other.#starts.forEach((start, i) => {
      this.#addInterval(start, other.#ends[i] as string);
    });
  }

  has(text: string): boolean {
    if (this.#points.has(text)) return true;
    const index = countUpTo(this.#starts, text) - 1;
    return index >= 0 && text < (this.#ends[index] as string);
  }

  /** Swallows every interval that the new one touches. */
  #addInterval(start: string, end: string): void {
    const from = countBelow(this.#ends, start);
    const to = countUpTo(this.#starts, end);
    let first = start;
    let last = end;
    if (from < to) {
      if ((this.#starts[from] as string) < first) first = this.#starts[from] as string;
      if ((this.#ends[to - 1] as string) > last) last = this.#ends[to - 1] as string;
    }
    this.#starts.splice(from, to - from, first);
    this.#ends.splice(from, to - from, last);
  }
}

function countBelow(sorted: readonly string[], text: string): number {
  return partition(sorted, (each) => each < text);
}

function countUpTo(sorted: readonly string[], text: string): number {
  return partition(sorted, (each) => each <= text);
}
