import { describe, expect, it } from 'vitest';
import { firstInLine } from '../../../src/sim/checkers/first-in-line.js';
import { rules, type Tale, tell } from './support/tale.js';

const grant = (fence: bigint) => ({ fence, lease: 1n });
const state = (tale: Tale, revision: bigint, term: bigint | null) =>
  tale.note('server', 'x', 'state', { revision, value: term === null ? null : { term } });

describe('first in line', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'First - granted when it had come to the front - pass',
      [],
      (tale) => {
        state(tale, 1n, null);
        const call = tale.call('a', 'x', 'lock.acquire', null);
        state(tale, 2n, 2n);
        call.ok(grant(2n));
      },
    ],
    [
      'First - gone again before the answer arrived - pass',
      [],
      (tale) => {
        const call = tale.call('a', 'x', 'election.campaign', { value: 'a' });
        state(tale, 2n, 2n);
        state(tale, 3n, null);
        call.ok(grant(2n));
      },
    ],
    [
      'First - a place that went before its turn came - fail',
      ['first-in-line'],
      (tale) => {
        state(tale, 2n, 2n);
        const call = tale.call('a', 'x', 'lock.acquire', null);
        state(tale, 4n, null);
        call.ok(grant(3n));
      },
    ],
    [
      'First - granted before its turn came - fail',
      ['first-in-line'],
      (tale) => {
        state(tale, 2n, 2n);
        tale.did('a', 'x', 'lock.acquire', null, grant(3n));
        state(tale, 4n, 3n);
      },
    ],
    [
      'First - tried and not free, and lines whose states are unknown - pass',
      [],
      (tale) => {
        state(tale, 2n, 2n);
        tale.did('a', 'x', 'lock.acquire', null, null);
        tale.did('a', 'y', 'lock.acquire', null, grant(9n));
      },
    ],
  ])('%s', (_, expected, write) => {
    expect(rules(firstInLine(tell(write)))).toEqual(expected);
  });
});
