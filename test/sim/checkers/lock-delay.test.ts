import { describe, expect, it } from 'vitest';
import { lockDelay } from '../../../src/sim/checkers/lock-delay.js';
import { rules, type Tale, tell } from './support/tale.js';

const grant = { fence: 2n, lease: 7n };

function first(tale: Tale, term: bigint | null) {
  tale.note('server', 'lock', 'state', { revision: 2n, value: term === null ? null : { term, value: '' } });
}

/** A lease of 3 s, of which the last one is the delay. */
function holds(tale: Tale, lockDelayMs = 1000) {
  tale.did('a', 'session', 'lease.grant', { lease: 7n }, { ttlMs: 3000 });
  first(tale, 2n);
  tale.did('a', 'lock', 'lock.acquire', { lockDelayMs }, grant);
}

const lost = (tale: Tale, loss = 'deadline', object = 'lock') =>
  tale.note('a', object, 'lost', { ...grant, reason: 'over', loss });

describe('the cool-down after a loss', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'free when the lease has ended - pass',
      [],
      (tale) => {
        holds(tale);
        tale.wait(1900);
        lost(tale);
        tale.wait(1100);
        first(tale, 3n);
      },
    ],
    [
      'lost too early, since a clock jumped, and free a second later - pass',
      [],
      (tale) => {
        holds(tale);
        tale.wait(100);
        lost(tale);
        tale.wait(1000);
        first(tale, 3n);
      },
    ],
    [
      'a holder that is gone - pass',
      [],
      (tale) => {
        holds(tale);
        tale.note('a', 'process', 'crash', null);
        tale.wait(3000);
        first(tale, 3n);
      },
    ],
    [
      'a holder that stood still hears of it late - pass',
      [],
      (tale) => {
        holds(tale);
        tale.note('a', 'process', 'pause', null);
        tale.wait(2950);
        tale.note('a', 'process', 'resume', null);
        lost(tale);
        tale.wait(50);
        first(tale, 3n);
      },
    ],
    [
      'released - pass',
      [],
      (tale) => {
        holds(tale);
        tale.did('a', 'lock', 'release', { fence: 2n }, null);
        first(tale, 3n);
      },
    ],
    [
      'broken by somebody - pass',
      [],
      (tale) => {
        holds(tale);
        tale.did('operator', 'lock', 'lock.break', { fence: 2n }, true);
        first(tale, 3n);
      },
    ],
    [
      'its lease taken by a fault - pass',
      [],
      (tale) => {
        holds(tale);
        first(tale, 3n);
        tale.nowMs -= 1;
        tale.note('server', 'kv', 'lease.ended', { lease: 7n, cause: 'injected' });
      },
    ],
    [
      'no delay asked for - pass',
      [],
      (tale) => {
        holds(tale, 0);
        lost(tale);
        first(tale, 3n);
      },
    ],
    [
      'held for too long, after another lock of the same fence was broken - pass',
      [],
      (tale) => {
        holds(tale);
        lost(tale, 'key-deleted', 'other');
        tale.wait(500);
        lost(tale, 'max-hold');
        tale.wait(1000);
        first(tale, 3n);
      },
    ],
    [
      'free too early, after another lock of the same fence was held for too long - fail',
      ['lock-delay: kept'],
      (tale) => {
        holds(tale);
        lost(tale, 'max-hold', 'other');
        tale.wait(1900);
        lost(tale);
        tale.wait(900);
        first(tale, 3n);
      },
    ],
    [
      'free too early after a loss - fail',
      ['lock-delay: kept'],
      (tale) => {
        holds(tale);
        tale.wait(1900);
        lost(tale);
        tale.wait(900);
        first(tale, 3n);
      },
    ],
    [
      'held until the lease ends - fail',
      ['lock-delay: kept'],
      (tale) => {
        holds(tale);
        tale.wait(2900);
        lost(tale);
        tale.wait(100);
        first(tale, 3n);
      },
    ],
    [
      'a holder that is gone, free before its lease can have ended - fail',
      ['lock-delay: kept'],
      (tale) => {
        holds(tale);
        tale.note('a', 'process', 'crash', null);
        tale.wait(2500);
        first(tale, null);
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(lockDelay(tell(write)))).toEqual(broken));
});
