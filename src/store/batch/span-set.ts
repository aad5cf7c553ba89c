import { type Bytes, latin1 } from '../../core/bytes.js';
import { partition } from '../../core/halving.js';

/** Keys from `from` up to `to`, one char per byte: string order is byte order there. */
export interface KeySpan {
  readonly from: string;
  /** Exclusive. */
  readonly to: string;
}

/** Behind every key, whose chars are bytes. */
const afterAll = '\u0100';

/** etcd's range convention (protocol.md section 0): no end is one key, the end `"\0"` is every key from `key` on. */
export function spanOf(key: Bytes, rangeEnd: Bytes | undefined): KeySpan {
  const from = latin1(key);
  if (rangeEnd === undefined || rangeEnd.length === 0) return { from, to: `${from}\0` };
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return { from, to: afterAll };
  return { from, to: latin1(rangeEnd) };
}

/** A union of key spans, sorted, of which no two overlap. */
export class SpanSet {
  readonly #from: string[] = [];
  readonly #to: string[] = [];

  overlaps({ from, to }: KeySpan): boolean {
    const at = this.#firstEndingAfter(from);
    return at < this.#from.length && (this.#from[at] as string) < to && from < to;
  }

  /** Swallows every span that the new one overlaps. */
  add({ from, to }: KeySpan): void {
    if (from >= to) return;
    const at = this.#firstEndingAfter(from);
    let end = at;
    let [first, last] = [from, to];
    // Bounded by the spans.
    for (; end < this.#from.length && (this.#from[end] as string) < to; end++) {
      if ((this.#from[end] as string) < first) first = this.#from[end] as string;
      if ((this.#to[end] as string) > last) last = this.#to[end] as string;
    }
    this.#from.splice(at, end - at, first);
    this.#to.splice(at, end - at, last);
  }

  /** How many spans end at or before `key`. */
  #firstEndingAfter(key: string): number {
    return partition(this.#to, (to) => to <= key);
  }
}
