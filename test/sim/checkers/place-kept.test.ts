import { describe, expect, it } from 'vitest';
import { placeKept } from '../../../src/sim/checkers/place-kept.js';
import { rules, type Tale, tell } from './support/tale.js';

function first(tale: Tale, term: bigint | null) {
  tale.note('server', 'lock', 'state', { revision: 2n, value: term === null ? null : { term, value: '' } });
}

function holds(tale: Tale) {
  first(tale, 2n);
  tale.did('a', 'lock', 'lock.acquire', null, { fence: 2n, lease: 7n });
}

describe('a place that was given', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    ['goes by a release - pass', [], (tale) => tale.did('a', 'lock', 'release', { fence: 2n }, null)],
    ['is broken - pass', [], (tale) => tale.did('b', 'lock', 'lock.break', { fence: 2n }, true)],
    [
      'goes with its lease - pass',
      [],
      (tale) => tale.note('server', 'lease', 'lease.ended', { lease: 7n, cause: 'expired' }),
    ],
    [
      'was held for too long - pass',
      [],
      (tale) => tale.note('a', 'lock', 'lost', { fence: 2n, lease: 7n, reason: 'over', loss: 'max-hold' }),
    ],
    ['goes by itself - fail', ['place-kept'], () => {}],
    [
      'goes when another lease ends - fail',
      ['place-kept'],
      (tale) => tale.note('server', 'lease', 'lease.ended', { lease: 8n, cause: 'expired' }),
    ],
    [
      'goes when another is released - fail',
      ['place-kept'],
      (tale) => tale.did('a', 'lock', 'release', { fence: 1n }, null),
    ],
  ])('%s', (_, expected, write) => {
    const tale = (story: Tale) => {
      holds(story);
      write(story);
      first(story, 3n);
    };
    expect(rules(placeKept(tell(tale)))).toEqual(expected);
  });
});
