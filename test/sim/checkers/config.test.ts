import { describe, expect, it } from 'vitest';
import { config } from '../../../src/sim/checkers/config.js';
import { rules, type Tale, tell } from './support/tale.js';

const state = (tale: Tale, revision: bigint, a: number, n: number) => {
  tale.note('server', 'config/app', 'counter.total', { value: BigInt(n) });
  tale.note('server', 'config/app', 'state', { revision, value: JSON.stringify({ a, b: a, n }) });
};
const view = (tale: Tale, revision: bigint, shown: object) =>
  tale.note('c', 'config/app', 'view', { observer: 'o', revision, value: JSON.stringify(shown) });
const add = (tale: Tale, revision: bigint) => tale.did('c', 'config/app', 'config.add', null, { revision });

describe('config', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'whole, valid, growing, counted - pass',
      [],
      (tale) => {
        add(tale, 2n);
        state(tale, 2n, 1, 1);
        view(tale, 2n, { a: 1, b: 1, n: 1 });
        state(tale, 3n, 2, 1);
        view(tale, 3n, { a: 2, b: 2, n: 1 });
      },
    ],
    ['half a txn', ['config: whole'], (tale) => view(tale, 2n, { a: 1, b: 2, n: 0 })],
    ['what the schema refuses', ['config: valid'], (tale) => view(tale, 2n, { a: 'spoilt', b: 2, n: 0 })],
    [
      'one revision twice',
      ['config: grows'],
      (tale) => {
        view(tale, 2n, { a: 1, b: 1, n: 0 });
        view(tale, 2n, { a: 2, b: 2, n: 0 });
      },
    ],
    [
      'counted while what stands beside it is not valid - pass',
      [],
      (tale) => {
        state(tale, 2n, 1, 0);
        add(tale, 3n);
        tale.note('server', 'config/app', 'counter.total', { value: 1n });
      },
    ],
    [
      'an addition that is lost',
      ['config: counted'],
      (tale) => {
        add(tale, 2n);
        add(tale, 3n);
        state(tale, 3n, 1, 1);
      },
    ],
    ['one that nobody made', ['config: counted'], (tale) => state(tale, 3n, 1, 1)],
  ])('%s', (_, expected, story) => {
    expect(rules(config(tell(story)))).toEqual(expected);
  });
});
