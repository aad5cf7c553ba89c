import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noHangingPromise } from '../../../src/sim/checkers/no-hanging-promise.js';
import { forAll } from './support/for-all.js';
import { placesOf, without } from './support/mutate.js';
import { rules, type Tale, tell } from './support/tale.js';

describe('no hanging promise', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'Ended - in every way there is - pass',
      [],
      (tale) => {
        tale.did('a', 'x', 'y', null, null);
        tale.call('a', 'x', 'y', null).fail(new Error('no'));
        tale.call('a', 'x', 'y', null).unknown(new Error('lost'));
        void tale.end;
      },
    ],
    [
      'Ended - a process that crashed in the middle - pass',
      [],
      (tale) => {
        tale.call('a', 'x', 'y', null);
        tale.note('a', 'run', 'crash', null);
        void tale.end;
      },
    ],
    [
      'Ended - called only after the end - pass',
      [],
      (tale) => {
        void tale.end;
        tale.call('a', 'x', 'y', null);
      },
    ],
    [
      'Ended - a heartbeat that was under way at the end - pass',
      [],
      (tale) => {
        const beat = tale.call('a', 'session', 'lease.keepAlive', { lease: 1n });
        void tale.end;
        beat.fail(new Error('stopped'));
      },
    ],
    [
      'Ended - a heartbeat from long before the end - fail',
      ['no-hanging-promise'],
      (tale) => {
        const beat = tale.call('a', 'session', 'lease.keepAlive', { lease: 1n });
        tale.wait(10_001);
        void tale.end;
        beat.fail(new Error('stopped'));
      },
    ],
    ['Ended - never - fail', ['no-hanging-promise'], (tale) => void tale.call('a', 'x', 'y', null)],
    [
      'Ended - never, and another process crashed - fail',
      ['no-hanging-promise'],
      (tale) => {
        tale.call('a', 'x', 'y', null);
        tale.note('b', 'run', 'crash', null);
      },
    ],
    [
      'Ended - only after the end - fail',
      ['no-hanging-promise'],
      (tale) => {
        const call = tale.call('a', 'x', 'y', null);
        void tale.end;
        call.ok(null);
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(noHangingPromise(tell(write)))).toEqual(broken));

  it('an end that is missing anywhere is caught', () => {
    forAll(fc.record({ count: fc.integer({ min: 1, max: 20 }), choice: fc.nat() }), ({ count, choice }) => {
      const history = tell((tale) => {
        for (let i = 0; i < count; i++) tale.did(`p${i % 3}`, 'x', 'y', i, null);
      });
      expect(noHangingPromise(history)).toEqual([]);
      const ends = placesOf(history, (entry) => entry.type === 'ok');
      expect(noHangingPromise(without(history, ends[choice % ends.length] as number))).toHaveLength(1);
    });
  });
});
