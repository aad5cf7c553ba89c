import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Unsure } from '../../../src/sim/checkers/kv-linearizable.js';
import { KvWriters } from '../../../src/sim/checkers/kv-writers.js';

/** Whether each of `rows` can have one of its columns for itself, by trying everything. */
function matchable(rows: readonly (readonly number[])[], taken: ReadonlySet<number> = new Set()): boolean {
  const [first, ...rest] = rows;
  if (first === undefined) return true;
  return first.some((column) => !taken.has(column) && matchable(rest, new Set([...taken, column])));
}

describe('writers of revisions', () => {
  it('are found exactly when there are any', () => {
    const rows = fc.array(fc.uniqueArray(fc.nat({ max: 5 }), { maxLength: 4 }), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(rows, (graph) => {
        const writes = Array.from({ length: 6 }, () => ({ floor: 0 }) as unknown as Unsure);
        const writers = new KvWriters();
        const explained: number[][] = [];
        for (const [at, row] of graph.entries()) {
          const isPossible = matchable([...explained, row]);
          expect(
            writers.explain(
              at + 1,
              row.map((column) => writes[column] as Unsure),
            ),
          ).toBe(isPossible);
          if (isPossible) explained.push(row);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('do not write before their floor', () => {
    const late = { floor: 5 } as unknown as Unsure;
    expect(new KvWriters().explain(5, [late])).toBe(false);
    expect(new KvWriters().explain(6, [late])).toBe(true);
  });

  it('are not sought for ever', () => {
    const writers = new KvWriters(3);
    const writes = Array.from({ length: 3 }, () => ({ floor: 0 }) as unknown as Unsure);
    for (let revision = 1; revision <= 3; revision++) writers.explain(revision, writes);
    expect(writers.exhausted).toBe(true);
  });
});
