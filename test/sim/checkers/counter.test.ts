import { describe, expect, it } from 'vitest';
import { counter } from '../../../src/sim/checkers/counter.js';
import { rules, type Tale, tell } from './support/tale.js';

const add = (tale: Tale, process: string, delta: bigint, value: bigint) =>
  tale.did(process, 'c', 'counter.add', { delta }, { value });
const total = (tale: Tale, value: bigint) => tale.note('server', 'c', 'counter.total', { value });
const rate = { burst: 1, intervalMs: 1_000 };

describe('counter', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'Once, kept, in order - one whose fate is unknown may be in it or not - pass',
      [],
      (tale) => {
        add(tale, 'a', 1n, 1n);
        tale.call('b', 'c', 'counter.add', { delta: 2n }).unknown(new Error('lost'));
        add(tale, 'a', 4n, 7n);
        tale.call('b', 'c', 'counter.add', { delta: 8n }).unknown(new Error('lost'));
        total(tale, 7n);
      },
    ],
    [
      'Once - added twice - fail',
      ['counter: once'],
      (tale) => {
        add(tale, 'a', 1n, 1n);
        tale.call('b', 'c', 'counter.add', { delta: 2n }).unknown(new Error('lost'));
        total(tale, 5n);
      },
    ],
    [
      'Kept - lost - fail',
      ['counter: kept'],
      (tale) => {
        const [a, b] = [
          tale.call('a', 'c', 'counter.add', { delta: 1n }),
          tale.call('b', 'c', 'counter.add', { delta: 2n }),
        ];
        a.ok({ value: 1n });
        b.ok({ value: 3n });
        total(tale, 2n);
      },
    ],
    [
      'In order - without what had ended before - fail',
      ['counter: in order'],
      (tale) => {
        add(tale, 'a', 1n, 1n);
        add(tale, 'b', 2n, 2n);
        total(tale, 3n);
      },
    ],
    [
      'In order - with what was asked for only afterwards - fail',
      ['counter: in order'],
      (tale) => {
        add(tale, 'a', 1n, 3n);
        tale.call('b', 'c', 'counter.add', { delta: 2n }).unknown(new Error('lost'));
      },
    ],
    [
      'In order - two are told the same - fail',
      ['counter: in order'],
      (tale) => {
        const [a, b] = [
          tale.call('a', 'c', 'counter.add', { delta: 1n }),
          tale.call('b', 'c', 'counter.add', { delta: 2n }),
        ];
        a.ok({ value: 3n });
        b.ok({ value: 3n });
      },
    ],
    [
      'Unique - given twice - fail',
      ['counter: unique'],
      (tale) => {
        tale.did('a', 's', 'sequence.next', null, { id: 1n });
        tale.did('b', 's', 'sequence.next', null, { id: 1n });
      },
    ],
    [
      'Rate - a burst for each clock, and the rate - pass',
      [],
      (tale) => {
        for (const process of ['a', 'b', 'a']) tale.did(process, 'l', 'limit.take', rate, { allowed: true });
        tale.did('a', 'l', 'limit.take', rate, { allowed: false });
        tale.wait(1_000);
        tale.did('a', 'l', 'limit.take', rate, { allowed: true });
      },
    ],
    [
      'Rate - more than both bursts - fail',
      ['counter: rate'],
      (tale) => {
        for (const process of ['a', 'a', 'b', 'b', 'b']) tale.did(process, 'l', 'limit.take', rate, { allowed: true });
      },
    ],
  ])('%s', (_, broken, write) => {
    expect([...new Set(rules(counter(tell(write))))]).toEqual(broken);
  });
});
