import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latin1, prefixEnd } from '../../src/core/bytes.js';
import { DeadlineHeap } from '../../src/engine/deadline-heap.js';
import { IntervalSet } from '../../src/engine/interval-set.js';
import { inRange, type KeyRange, keyRange } from '../../src/engine/key-range.js';
import { KeyTree } from '../../src/engine/key-tree.js';
import { WatcherIndex } from '../../src/engine/watcher-index.js';

const key = fc.uint8Array({ maxLength: 2 }).map(latin1);
const smallKey = fc.uint8Array({ maxLength: 3, max: 3 });

/** Holds the tree against a Map and a sorted array. */
function checkTree(tree: KeyTree<number>, map: Map<string, number>, probes: readonly string[]): void {
  const sorted = [...map.keys()].sort();
  expect(tree.size).toBe(sorted.length);
  for (const probe of probes) {
    const from = sorted.filter((each) => each >= probe);
    const walked: [string, number][] = [];
    for (const cursor = tree.seek(probe); cursor.key !== undefined; cursor.next()) {
      walked.push([cursor.key, cursor.value]);
    }
    expect(walked).toEqual(from.map((each) => [each, map.get(each)]));
    expect(tree.get(probe)).toBe(map.get(probe));
    expect(tree.count(probe, undefined)).toBe(from.length);
    for (const end of probes) {
      expect(tree.count(probe, end)).toBe(from.filter((each) => each < end).length);
    }
  }
}

describe('KeyTree', () => {
  const step = fc.record({ remove: fc.boolean(), from: key, count: fc.integer({ min: 1, max: 1_000 }) });

  it('is a sorted array, whatever is put in and taken out', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.array(key, { maxLength: 4 }), (steps, probes) => {
        const tree = new KeyTree<number>();
        const map = new Map<string, number>();
        for (const { remove, from, count } of steps) {
          // Spread over all keys, so that leaves split and join everywhere.
          for (let i = 0; i < count; i++) {
            const text = spread(from, i * 37);
            if (remove) expect(tree.delete(text)).toBe(map.delete(text));
            else {
              tree.set(text, i);
              map.set(text, i);
            }
          }
        }
        checkTree(tree, map, ['', ...probes, ...[...map.keys()].slice(0, 3)]);
      }),
      { numRuns: 25 },
    );
  });

  it.each([
    ['rising', (i: number) => i],
    ['falling', (i: number) => 39_999 - i],
    ['scattered', (i: number) => (i * 7_919) % 40_000],
  ])('grows to three levels and shrinks to nothing, %s', (_, order) => {
    const tree = new KeyTree<number>();
    for (let i = 0; i < 40_000; i++) tree.set(fixed(order(i)), order(i));
    expect([tree.size, tree.count(fixed(100), fixed(30_100))]).toEqual([40_000, 30_000]);
    for (let i = 0; i < 40_000; i++) {
      expect(tree.delete(fixed(order(39_999 - i)))).toBe(true);
      if (i % 9_999 === 0) checkCounts(tree, 39_999 - i);
    }
    expect([tree.size, tree.seek('').key, tree.delete('x')]).toEqual([0, undefined, false]);
  });
});

describe('KeyTree, inner nodes', () => {
  it('count right after a small one was evened out with a full one', () => {
    const tree = new KeyTree<number>();
    // Rising keys fill leaves of 128, 64 of which are one inner node; one key more for a leaf makes two of it.
    const rising = Array.from({ length: (64 + 64 + 80) * 128 }, (_, i) => fixed(i));
    const extra = Array.from({ length: 61 }, (_, leaf) => `${fixed((64 + leaf) * 128 + 5)}x`);
    for (const key of [...rising, ...extra]) tree.set(key, 0);
    const first = rising.splice(0, 64 * 128);
    const rest = [...rising, ...extra].sort();
    first.forEach((key, i) => {
      tree.delete(key);
      if (i % 128 !== 0) return;
      for (const end of [1_000, 8_192, 9_000, 12_000, 16_384, 17_000, 18_900].map(fixed)) {
        const below = [...first.slice(i + 1), ...rest].filter((each) => each < end);
        expect(tree.count('', end)).toBe(below.length);
      }
    });
    checkCounts(tree, rest.length);
  });
});

function checkCounts(tree: KeyTree<number>, size: number): void {
  let walked = 0;
  for (const cursor = tree.seek(''); cursor.key !== undefined; cursor.next()) walked++;
  expect([tree.size, walked, tree.count('', undefined)]).toEqual([size, size, size]);
}

function fixed(n: number): string {
  return String(n).padStart(6, '0');
}

function spread(from: string, by: number): string {
  const start = (from.charCodeAt(0) || 0) * 256 + (from.charCodeAt(1) || 0);
  const at = (start + by) % 65_536;
  return String.fromCharCode(at >> 8, at & 0xff);
}

describe('key ranges', () => {
  it('follow etcd’s convention', () => {
    const range = (start: string, end?: string) =>
      keyRange(Buffer.from(start), end === undefined ? end : Buffer.from(end));
    const holds = (each: KeyRange) => ['a', 'a\0', 'ab', 'b'].filter((text) => inRange(each, text));
    expect(holds(range('a'))).toEqual(['a']);
    expect(holds(range('a', ''))).toEqual(['a']);
    expect(holds(range('a', 'b'))).toEqual(['a', 'a\0', 'ab']);
    expect(holds(range('ab', '\0'))).toEqual(['ab', 'b']);
    expect(holds(range('\0', '\0'))).toHaveLength(4);
    expect(holds(range('b', 'a'))).toEqual([]);
  });
});

describe('IntervalSet', () => {
  const interval = fc.tuple(smallKey, fc.option(smallKey)).map(([start, end]) => keyRange(start, end ?? undefined));

  it('holds what one of its ranges holds', () => {
    fc.assert(
      fc.property(fc.array(interval), fc.array(interval), fc.array(smallKey), (mine, others, probes) => {
        const set = new IntervalSet();
        const other = new IntervalSet();
        for (const each of mine) set.add(each);
        for (const each of others) other.add(each);
        set.addAll(other);
        for (const probe of probes.map(latin1)) {
          const withEnd = [...mine, ...others].filter(({ end }) => end !== undefined);
          expect(set.has(probe)).toBe(withEnd.some((each) => inRange(each, probe)));
        }
      }),
    );
  });
});

describe('WatcherIndex', () => {
  const prefix = smallKey.filter((each) => each.length > 0).map((each) => keyRange(each, prefixEnd(each)));
  const odd = fc.tuple(smallKey, smallKey).map(([start, end]) => keyRange(start, end));
  const single = smallKey.map((each) => keyRange(each));

  it('finds each watcher of a key once, and none that left', () => {
    const watchers = fc.array(fc.oneof(prefix, odd, single).map((range) => ({ range })));
    fc.assert(
      fc.property(watchers, watchers, fc.array(smallKey), (stay, leave, probes) => {
        const index = new WatcherIndex<{ range: KeyRange }>();
        for (const each of [...leave, ...stay]) index.add(each);
        for (const each of leave) index.delete(each);
        for (const probe of probes.map(latin1)) {
          const found: { range: KeyRange }[] = [];
          index.match(probe, (each) => found.push(each));
          expect(found).toHaveLength(new Set(found).size);
          expect(new Set(found)).toEqual(new Set(stay.filter(({ range }) => inRange(range, probe))));
        }
      }),
    );
  });
});

describe('DeadlineHeap', () => {
  it('shows the earliest that is not gone, however late deadlines have moved', () => {
    const item = fc.record({ deadlineMs: fc.nat(50), laterMs: fc.nat(50), gone: fc.boolean() });
    fc.assert(
      fc.property(fc.array(item), fc.boolean(), (items, sweep) => {
        const heap = new DeadlineHeap<{ deadlineMs: number; gone: boolean }>();
        const all = items.map(({ deadlineMs }) => ({ deadlineMs, gone: false }));
        for (const each of all) heap.push(each);
        items.forEach(({ laterMs, gone }, i) => {
          Object.assign(all[i] as object, { deadlineMs: (all[i]?.deadlineMs as number) + laterMs, gone });
        });
        if (sweep) heap.sweep();
        const drained: number[] = [];
        for (let top = heap.peek(); top !== undefined; top = heap.peek()) {
          drained.push(top.deadlineMs);
          heap.pop();
        }
        const expected = all.filter(({ gone }) => !gone).map(({ deadlineMs }) => deadlineMs);
        expect(drained).toEqual(expected.sort((a, c) => a - c));
      }),
    );
  });
});
