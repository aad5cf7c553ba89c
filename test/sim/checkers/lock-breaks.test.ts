import { describe, expect, it } from 'vitest';
import { lockBreaks } from '../../../src/sim/checkers/lock-breaks.js';
import { rules, type Tale, tell } from './support/tale.js';

function first(tale: Tale, term: bigint | null) {
  tale.note('server', 'lock', 'state', { revision: term ?? 9n, value: term === null ? null : { term, value: '' } });
}

function wrote(tale: Tale, fence: bigint, outside = false) {
  tale.did('a', 'counter', 'guarded.write', { line: 'lock', fence, outside }, { applied: true, position: 9n });
}

function broke(tale: Tale, fence: bigint, answer: boolean) {
  tale.did('operator', 'lock', 'lock.break', { fence }, answer);
}

describe('broken locks', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'the next one is first - pass',
      [],
      (tale) => {
        first(tale, 2n);
        wrote(tale, 2n);
        const breaking = tale.call('operator', 'lock', 'lock.break', { fence: 2n });
        wrote(tale, 2n);
        first(tale, 4n);
        breaking.ok(true);
        wrote(tale, 4n);
        wrote(tale, 2n, true);
      },
    ],
    [
      'refused - the holder goes on - pass',
      [],
      (tale) => {
        first(tale, 2n);
        broke(tale, 1n, false);
        wrote(tale, 2n);
      },
    ],
    [
      'the holder is first still - fail',
      ['lock-breaks: out'],
      (tale) => {
        first(tale, 2n);
        broke(tale, 2n, true);
      },
    ],
    [
      'and writes - fail',
      ['lock-breaks: guard'],
      (tale) => {
        first(tale, 2n);
        const breaking = tale.call('operator', 'lock', 'lock.break', { fence: 2n });
        first(tale, null);
        breaking.ok(true);
        wrote(tale, 2n);
      },
    ],
  ])('%s', (_, expected, write) => {
    expect(rules(lockBreaks(tell(write)))).toEqual(expected);
  });
});
