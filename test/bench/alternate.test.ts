import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { alternate, valuesOf } from '../../bench/alternate.js';
import { Lab, quickScale } from '../../bench/lab.js';
import { KeptResults } from '../../bench/report/kept-results.js';
import type { Row } from '../../bench/row.js';
import { allRows } from '../../bench/rows/rows.js';

/** A row whose subjects answer from a list, and note when they were asked. */
function rowOf(id: string, x: number, planted: Record<string, number[]>, asked: string[] = []): Row {
  const subjects = new Map(
    Object.entries(planted).map(([name, values]) => {
      const left = [...values];
      const measure = async () => {
        asked.push(name);
        const value = left.shift() ?? Number.NaN;
        return { value, details: { 'CPU µs': value * 2 } };
      };
      return [name, measure] as const;
    }),
  );
  return {
    id,
    title: 'planted',
    unit: 'calls/s',
    better: 'more',
    comparisons: [
      { of: 'a', to: 'b', aim: 2 },
      { of: 'a', to: 'b', detail: 'CPU µs', aim: 1 },
    ],
    bounds: [{ of: 'a', detail: 'CPU µs', atMost: 100 }],
    point: { chart: 'planted', x, xLabel: 'callers' },
    open: async () => ({ subjects, close: async () => void asked.push('closed') }),
  };
}

const lab = new Lab({ ...quickScale, rounds: 3 });

it('subjects take turns, and the row is closed at the end', async () => {
  const asked: string[] = [];
  const measured = await alternate(rowOf('x', 1, { a: [1, 2, 3], b: [4, 5, 6] }, asked), lab, () => {});
  expect(asked).toEqual(['a', 'b', 'a', 'b', 'a', 'b', 'closed']);
  expect(valuesOf(measured, 'a')).toEqual([1, 2, 3]);
  expect(valuesOf(measured, 'b', 'CPU µs')).toEqual([8, 10, 12]);
  expect(() => valuesOf(measured, 'c')).toThrow('no subject c, only a, b');
});

it('the report says of every aim whether it is met, and a row that could not be measured', async () => {
  const one = rowOf('one', 1, { a: [30, 40, 50], b: [10, 20, 10] });
  const two = { ...rowOf('two', 2, { a: [60, 60, 60], b: [60, 60, 60] }), because: 'it is planted' };
  const [three, four] = [rowOf('three', 3, {}), rowOf('four', 4, {})];
  const folder = await mkdtemp(join(tmpdir(), 'conclave-bench-'));
  const results = new KeptResults(folder, [one, two, three, four]);
  results.add({ ...(await alternate(one, lab, () => {})), origin: 'on Monday' });
  results.fail('three', 'no server');
  results.save({ lines: ['here'] });
  // Another run goes on with it.
  const later = new KeptResults(folder, [one, two, three, four]);
  later.load();
  later.add({ ...(await alternate(two, lab, () => {})), origin: 'on Tuesday' });
  later.fail('three', 'no server');
  const report = later.save({ lines: ['here'] });
  const chart = await readFile(join(folder, 'planted.svg'), 'utf8');
  await rm(folder, { recursive: true });
  expect(report).toContain('| a | **40** (35 to 45) | CPU µs 80 |');
  expect(report).toContain('a / b: 3 (2.5 to 4), wanted 2: **met**');
  expect(report).toContain('- not met: `two`: a / b: 1 (1 to 1), wanted 2; because it is planted');
  expect(report).toContain('on Monday, load average');
  expect(report).toContain('on Tuesday, load average');
  expect(report).toContain('a, CPU µs: 120, at most 100: **not met**');
  expect(report).toContain('- `three` could not be measured: no server');
  expect(report).toContain('- not in this run: four');
  expect(chart.match(/<polyline/g)).toHaveLength(2);
});

it('the rows have ids of their own, and ask for subjects by the names of the table', () => {
  const rows = allRows();
  expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  for (const { id } of rows) expect(id).toMatch(/^[a-z]+\/[a-z0-9-]+$/);
});
