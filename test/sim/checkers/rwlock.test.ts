import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rwlock } from '../../../src/sim/checkers/rwlock.js';
import { forAll, only } from './support/for-all.js';
import { validLine } from './support/lines.js';
import { moved, waitingGrants } from './support/mutate.js';
import { rules, type Tale, tell } from './support/tale.js';

function took(tale: Tale, process: string, op: 'rwlock.read' | 'rwlock.write', fence: bigint) {
  tale.did(process, 'line', op, null, { fence, lease: fence });
}

function letGo(tale: Tale, process: string, fence: bigint) {
  tale.did(process, 'line', 'release', { fence }, null);
}

describe('rwlock', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'Exclusive - readers share - pass',
      [],
      (tale) => {
        took(tale, 'a', 'rwlock.read', 2n);
        took(tale, 'b', 'rwlock.read', 3n);
        letGo(tale, 'a', 2n);
        letGo(tale, 'b', 3n);
        took(tale, 'c', 'rwlock.write', 4n);
      },
    ],
    [
      'Fair - a reader behind a writer that has gone - pass',
      [],
      (tale) => {
        took(tale, 'a', 'rwlock.write', 2n);
        letGo(tale, 'a', 2n);
        took(tale, 'b', 'rwlock.read', 3n);
        took(tale, 'c', 'rwlock.read', 4n);
      },
    ],
    [
      'Exclusive - two writers - fail',
      ['rwlock: exclusive'],
      (tale) => {
        took(tale, 'a', 'rwlock.write', 2n);
        took(tale, 'b', 'rwlock.write', 3n);
      },
    ],
    [
      'Exclusive - a writer beside the first of two readers - fail',
      ['rwlock: exclusive'],
      (tale) => {
        took(tale, 'a', 'rwlock.read', 2n);
        took(tale, 'b', 'rwlock.read', 3n);
        letGo(tale, 'b', 3n);
        took(tale, 'c', 'rwlock.write', 4n);
      },
    ],
    [
      'Exclusive - a reader beside a writer - fail',
      ['rwlock: exclusive'],
      (tale) => {
        took(tale, 'a', 'rwlock.write', 2n);
        took(tale, 'b', 'rwlock.read', 3n);
      },
    ],
    [
      'Fair - a reader overtakes a writer that waits - fail',
      ['rwlock: fair'],
      (tale) => {
        took(tale, 'a', 'rwlock.read', 2n);
        const writer = tale.call('b', 'line', 'rwlock.write', null);
        took(tale, 'c', 'rwlock.read', 4n);
        letGo(tale, 'a', 2n);
        letGo(tale, 'c', 4n);
        writer.ok({ fence: 3n, lease: 3n });
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(rwlock(tell(write)))).toEqual(broken));

  it('valid histories pass', () => {
    forAll(fc.record({ seed: fc.nat(), steps: fc.integer({ min: 1, max: 100 }) }), (options) => {
      expect(rwlock(validLine({ kind: 'rwlock', ...options }))).toEqual([]);
    });
  });

  it('a writer that does not wait is caught', () => {
    forAll(fc.record({ seed: fc.nat(), choice: fc.nat() }), ({ seed, choice }) => {
      const history = validLine({ kind: 'rwlock', seed, steps: 100 });
      const pair = waitingGrants(history, choice, (op) => op === 'rwlock.write');
      only(pair !== undefined);
      expect(rules(rwlock(moved(history, pair[1], pair[0] + 1)))).toContain('rwlock: exclusive');
    });
  });
});
