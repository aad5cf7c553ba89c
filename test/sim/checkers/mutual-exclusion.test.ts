import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linearizableLocks } from '../../../src/sim/checkers/linearizable-locks.js';
import { mutualExclusion } from '../../../src/sim/checkers/mutual-exclusion.js';
import type { History } from '../../../src/sim/history.js';
import { forAll, only } from './support/for-all.js';
import { validLine } from './support/lines.js';
import { moved, waitingGrants } from './support/mutate.js';
import { rules, type Tale, tell } from './support/tale.js';

function acquired(tale: Tale, process: string, fence: bigint, object = 'lock') {
  tale.did(process, object, 'lock.acquire', null, { fence, lease: fence * 10n });
}

function read(tale: Tale, process: string, fence: bigint, held: boolean) {
  tale.note(process, 'lock', 'held', { fence, lease: fence * 10n, held, remainingMs: held ? 500 : 0 });
}

/** Both must agree: one looks at sections, the other searches for an order. */
function judge(history: History): string[] {
  const bySections = rules(mutualExclusion(history));
  expect(linearizableLocks(history).length > 0).toBe(bySections.length > 0);
  return bySections;
}

describe('mutual exclusion, good histories', () => {
  it.each<[string, (tale: Tale) => void]>([
    [
      'Exclusive - one after the other - pass',
      (tale) => {
        acquired(tale, 'a', 2n);
        tale.did('a', 'lock', 'release', { fence: 2n }, null);
        acquired(tale, 'b', 3n);
      },
    ],
    [
      'Exclusive - the next begins while the release is still being answered - pass',
      (tale) => {
        acquired(tale, 'a', 2n);
        const release = tale.call('a', 'lock', 'release', { fence: 2n });
        acquired(tale, 'b', 3n);
        release.ok(null);
      },
    ],
    [
      'Exclusive - the next begins after a loss - pass',
      (tale) => {
        acquired(tale, 'a', 2n);
        tale.note('a', 'lock', 'lost', { fence: 2n, lease: 20n, reason: 'deadline' });
        acquired(tale, 'b', 3n);
        tale.did('a', 'lock', 'release', { fence: 2n }, null);
      },
    ],
    [
      'Exclusive - the holder crashed - pass',
      (tale) => {
        acquired(tale, 'a', 2n);
        tale.note('a', 'run', 'crash', null);
        acquired(tale, 'b', 3n);
      },
    ],
    [
      'Exclusive - the holder was stopped and learns of it afterwards - pass',
      (tale) => {
        acquired(tale, 'a', 2n);
        tale.note('a', 'run', 'pause', null);
        acquired(tale, 'b', 3n);
        tale.note('a', 'run', 'resume', null);
        read(tale, 'a', 2n, false);
      },
    ],
    [
      'Exclusive - a fault took the lease early, which the holder hears of later - pass',
      (tale) => {
        acquired(tale, 'a', 2n);
        tale.note('server', 'kv', 'lease.ended', { lease: 20n, cause: 'injected' });
        acquired(tale, 'b', 3n);
        tale.note('a', 'lock', 'lost', { fence: 2n, lease: 20n, reason: 'key-deleted' });
      },
    ],
    [
      'Exclusive - a lock that was broken on purpose - pass',
      (tale) => {
        acquired(tale, 'a', 2n);
        tale.did('admin', 'lock', 'lock.break', { fence: 2n }, true);
        acquired(tale, 'b', 3n);
      },
    ],
    [
      'Exclusive - two locks at a time - pass',
      (tale) => {
        acquired(tale, 'a', 2n, 'lock 1');
        acquired(tale, 'b', 3n, 'lock 2');
      },
    ],
    [
      'Exclusive - tried and not free - pass',
      (tale) => {
        acquired(tale, 'a', 2n);
        tale.did('b', 'lock', 'lock.acquire', null, null);
      },
    ],
  ])('%s', (_, write) => expect(judge(tell(write))).toEqual([]));
});

describe('mutual exclusion, bad histories', () => {
  it.each<[string, (tale: Tale) => void]>([
    [
      'Exclusive - two at a time - fail',
      (tale) => {
        acquired(tale, 'a', 2n);
        acquired(tale, 'b', 3n);
        tale.did('a', 'lock', 'release', { fence: 2n }, null);
      },
    ],
    [
      'Exclusive - the first never lets go - fail',
      (tale) => {
        acquired(tale, 'a', 2n);
        acquired(tale, 'b', 3n);
      },
    ],
    [
      'Exclusive - the lower fence begins last - fail',
      (tale) => {
        acquired(tale, 'b', 3n);
        tale.did('b', 'lock', 'release', { fence: 3n }, null);
        acquired(tale, 'a', 2n);
      },
    ],
    [
      'Exclusive - stopped, and still takes itself for the holder when it resumes - fail',
      (tale) => {
        acquired(tale, 'a', 2n);
        tale.note('a', 'run', 'pause', null);
        acquired(tale, 'b', 3n);
        tale.note('a', 'run', 'resume', null);
        read(tale, 'a', 2n, true);
      },
    ],
    [
      'Exclusive - a lease that ran out by itself excuses nobody - fail',
      (tale) => {
        acquired(tale, 'a', 2n);
        tale.note('server', 'kv', 'lease.ended', { lease: 20n, cause: 'expired' });
        acquired(tale, 'b', 3n);
        tale.note('a', 'lock', 'lost', { fence: 2n, lease: 20n, reason: 'server' });
      },
    ],
    [
      'Exclusive - the third overlaps the first, not the second - fail',
      (tale) => {
        acquired(tale, 'a', 2n);
        tale.did('admin', 'lock', 'lock.break', { fence: 9n }, false);
        acquired(tale, 'b', 3n);
        tale.did('b', 'lock', 'release', { fence: 3n }, null);
        acquired(tale, 'c', 4n);
      },
    ],
  ])('%s', (_, write) => expect(judge(tell(write))).toEqual(['mutual-exclusion: exclusive']));

  it('names the entries that prove it', () => {
    const history = tell((tale) => {
      acquired(tale, 'a', 2n);
      acquired(tale, 'b', 3n);
      tale.did('a', 'lock', 'release', { fence: 2n }, null);
    });
    expect(mutualExclusion(history)[0]?.entries).toEqual([history[1], history[3], history[4]]);
  });
});

describe('mutual exclusion, generated', () => {
  it('valid histories pass', () => {
    forAll(fc.record({ seed: fc.nat(), steps: fc.integer({ min: 1, max: 80 }) }), (options) => {
      expect(judge(validLine({ kind: 'lock', ...options }))).toEqual([]);
    });
  });

  it('a grant that comes before the one before it has ended is caught', () => {
    forAll(fc.record({ seed: fc.nat(), choice: fc.nat() }), ({ seed, choice }) => {
      const history = validLine({ kind: 'lock', seed, steps: 80 });
      const pair = waitingGrants(history, choice);
      only(pair !== undefined);
      expect(judge(moved(history, pair[1], pair[0] + 1))).toEqual(['mutual-exclusion: exclusive']);
    });
  });
});
