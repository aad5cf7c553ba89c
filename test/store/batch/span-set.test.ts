import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../src/core/bytes.js';
import { type KeySpan, SpanSet, spanOf } from '../../../src/store/batch/span-set.js';

const keys = ['a', 'a/', 'a/1', 'a/2', 'a0', 'b', 'b/1'] as const;
const bounds = [...keys, 'c', ''] as const;
const anySpan = fc
  .tuple(fc.constantFrom(...keys), fc.option(fc.constantFrom(...bounds)))
  .map(([from, to]): KeySpan => spanOf(utf8(from), to === null ? undefined : utf8(to)));

/** Every key that can tell two of those spans apart. */
const probes = bounds.flatMap((each) => [each, `${each}\0`]);

function contains({ from, to }: KeySpan, key: string): boolean {
  return key >= from && key < to;
}

describe('a set of spans', () => {
  it('tells what overlaps as a list of keys would', () => {
    fc.assert(
      fc.property(fc.array(anySpan, { maxLength: 12 }), anySpan, (spans, asked) => {
        const set = new SpanSet();
        for (const span of spans) set.add(span);
        const due = probes.some((key) => contains(asked, key) && spans.some((span) => contains(span, key)));
        expect(set.overlaps(asked)).toBe(due);
      }),
      { numRuns: 5_000 },
    );
  });

  it('reads ends as etcd does', () => {
    const all = new SpanSet();
    all.add(spanOf(utf8('b'), new Uint8Array([0])));
    expect(all.overlaps(spanOf(new Uint8Array([0xff, 0xff]), undefined))).toBe(true);
    expect(all.overlaps(spanOf(utf8('a'), utf8('b')))).toBe(false);
    const none = new SpanSet();
    none.add(spanOf(utf8('b'), utf8('a')));
    expect(none.overlaps(spanOf(utf8('a'), utf8('c')))).toBe(false);
  });
});
