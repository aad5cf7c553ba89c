import { describe, expect, it } from 'vitest';
import { stm } from '../../../src/sim/checkers/stm.js';
import { rules, type Tale, tell } from './support/tale.js';

const state = (tale: Tale, revision: bigint, values: Record<string, string>, ...changed: string[]) =>
  tale.note('server', 'stm', 'stm.state', { revision, values, changed });
const run = (tale: Tale, id: string, reads: string[], appends: string[], clears: string[] = []) =>
  tale.call('p', 'stm', 'stm.run', { id, reads, appends, clears });

describe('stm', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'Once, kept, whole, serializable - one after the other, and a reader - pass',
      [],
      (tale) => {
        const [x, y, z] = [
          run(tale, 'x', ['a'], ['a', 'b']),
          run(tale, 'y', ['a', 'b'], ['a'], ['b']),
          run(tale, 'z', ['a'], []),
        ];
        state(tale, 2n, { a: 'x', b: 'x' }, 'a', 'b');
        state(tale, 3n, { a: 'x y' }, 'a', 'b');
        x.ok({ seen: {} });
        y.ok({ seen: { a: 'x', b: 'x' } });
        z.ok({ seen: { a: 'x' } });
      },
    ],
    [
      'Once - committed twice - fail',
      ['stm: once'],
      (tale) => {
        const x = run(tale, 'x', ['a'], ['a']);
        state(tale, 2n, { a: 'x' }, 'a');
        state(tale, 3n, { a: 'x x' }, 'a');
        x.ok({ seen: { a: 'x' } });
      },
    ],
    [
      'Once - failed, and was committed - fail',
      ['stm: once'],
      (tale) => {
        const x = run(tale, 'x', ['a'], ['a']);
        state(tale, 2n, { a: 'x' }, 'a');
        x.fail(new Error('refused'));
      },
    ],
    ['Kept - nowhere - fail', ['stm: kept'], (tale) => run(tale, 'x', ['a'], ['a']).ok({ seen: {} })],
    [
      'Whole - in part - fail',
      ['stm: whole'],
      (tale) => {
        const x = run(tale, 'x', [], ['a', 'b']);
        state(tale, 2n, { a: 'x' }, 'a');
        x.ok({ seen: {} });
      },
    ],
    [
      'Whole - what it was to clear is there still - fail',
      ['stm: whole'],
      (tale) => {
        const [x, y] = [run(tale, 'x', [], ['b']), run(tale, 'y', ['b'], ['a'], ['b'])];
        state(tale, 2n, { b: 'x' }, 'b');
        state(tale, 3n, { a: 'y', b: 'x' }, 'a');
        x.ok({ seen: {} });
        y.ok({ seen: { b: 'x' } });
      },
    ],
    [
      'Serializable - wrote over what it had not read - fail',
      ['stm: serializable'],
      (tale) => {
        const [x, y] = [run(tale, 'x', ['a', 'b'], ['a']), run(tale, 'y', ['a', 'b'], ['b'])];
        state(tale, 2n, { a: 'x' }, 'a');
        state(tale, 3n, { a: 'x', b: 'y' }, 'b');
        x.ok({ seen: {} });
        y.ok({ seen: {} });
      },
    ],
    [
      'Serializable - a reader saw two revisions - fail',
      ['stm: serializable'],
      (tale) => {
        const z = run(tale, 'z', ['a', 'b'], []);
        state(tale, 2n, { a: 'x', b: 'x' }, 'a', 'b');
        z.ok({ seen: { a: 'x' } });
      },
    ],
    [
      'Serializable - a reader saw what was seen late by others - pass',
      [],
      (tale) => {
        tale.wait(10);
        run(tale, 'z', ['a'], []).ok({ seen: { a: 'x' } });
        tale.note('server', 'stm', 'stm.state', { revision: 2n, values: { a: 'x' }, changed: ['a'], earliestMs: 5 });
      },
    ],
    [
      'Serializable - a reader saw what came only later - fail',
      ['stm: serializable'],
      (tale) => {
        run(tale, 'z', ['a'], []).ok({ seen: { a: 'x' } });
        tale.wait(10);
        tale.note('server', 'stm', 'stm.state', { revision: 2n, values: { a: 'x' }, changed: ['a'], earliestMs: 5 });
      },
    ],
    [
      'Serializable - a reader saw what was over before it came - fail',
      ['stm: serializable'],
      (tale) => {
        state(tale, 2n, { a: 'x' }, 'a');
        run(tale, 'z', ['a'], []).ok({ seen: {} });
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(stm(tell(write)))).toEqual(broken));
});
