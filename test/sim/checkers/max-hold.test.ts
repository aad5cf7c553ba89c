import { describe, expect, it } from 'vitest';
import { maxHold } from '../../../src/sim/checkers/max-hold.js';
import { rules, type Tale, tell } from './support/tale.js';

const grant = { fence: 2n, lease: 7n };

function first(tale: Tale, term: bigint | null) {
  tale.note('server', 'lock', 'state', { revision: 2n, value: term === null ? null : { term, value: '' } });
}

function holds(tale: Tale, maxHoldMs = 500) {
  first(tale, 2n);
  tale.did('a', 'lock', 'lock.acquire', { maxHoldMs }, grant);
}

const lost = (tale: Tale, loss = 'max-hold') => tale.note('a', 'lock', 'lost', { ...grant, reason: 'over', loss });

describe('the longest time of a hold', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'lost in time, free a second later - pass',
      [],
      (tale) => {
        holds(tale);
        tale.wait(490);
        lost(tale);
        tale.wait(1000);
        first(tale, null);
      },
    ],
    [
      'lost in time, and then released - pass',
      [],
      (tale) => {
        holds(tale);
        tale.wait(490);
        lost(tale);
        tale.did('a', 'lock', 'release', { fence: 2n }, null);
        first(tale, 3n);
      },
    ],
    [
      'lost in time, and its lease ends - pass',
      [],
      (tale) => {
        holds(tale);
        lost(tale);
        tale.wait(1);
        first(tale, 3n);
        tale.nowMs -= 1;
        tale.note('server', 'kv', 'lease.ended', { lease: 7n, cause: 'expired' });
      },
    ],
    [
      'paused for longer, and not held any more - pass',
      [],
      (tale) => {
        holds(tale);
        tale.note('a', 'process', 'pause', null);
        tale.wait(5000);
        tale.note('a', 'process', 'resume', null);
        lost(tale);
      },
    ],
    [
      'no limit - pass',
      [],
      (tale) => {
        tale.did('a', 'lock', 'lock.acquire', null, grant);
        tale.wait(5000);
        tale.did('a', 'lock', 'release', { fence: 2n }, null);
      },
    ],
    [
      'released too late - fail',
      ['max-hold: bounded'],
      (tale) => {
        holds(tale);
        tale.wait(510);
        tale.did('a', 'lock', 'release', { fence: 2n }, null);
      },
    ],
    [
      'never lost - fail',
      ['max-hold: bounded'],
      (tale) => {
        holds(tale);
        tale.wait(510);
        first(tale, 2n);
      },
    ],
    [
      'seen to hold after a pause - fail',
      ['max-hold: bounded'],
      (tale) => {
        holds(tale);
        tale.note('a', 'process', 'pause', null);
        tale.wait(5000);
        tale.note('a', 'process', 'resume', null);
        tale.note('a', 'lock', 'held', { ...grant, held: true, remainingMs: 1 });
        lost(tale);
      },
    ],
    [
      'given to the next one at once - fail',
      ['max-hold: grace'],
      (tale) => {
        holds(tale);
        lost(tale);
        tale.wait(900);
        first(tale, 3n);
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(maxHold(tell(write)))).toEqual(broken));
});
