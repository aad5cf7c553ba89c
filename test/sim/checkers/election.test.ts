import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { election } from '../../../src/sim/checkers/election.js';
import type { Entry } from '../../../src/sim/history.js';
import { forAll, only } from './support/for-all.js';
import { validLine } from './support/lines.js';
import { changed, moved, placesOf, waitingGrants } from './support/mutate.js';
import { rules, type Tale, tell } from './support/tale.js';

function led(tale: Tale, process: string, term: bigint) {
  tale.did(process, 'e', 'election.campaign', { value: process }, { fence: term, lease: term });
}

function resigned(tale: Tale, process: string, term: bigint) {
  tale.did(process, 'e', 'release', { fence: term }, null);
}

function saw(tale: Tale, leader: { term: bigint; value: string } | null, observer = '1') {
  tale.note('watcher', 'e', 'view', { observer, value: leader });
}

const proclaimed = (tale: Tale, process: string, fence: bigint, value: string) =>
  tale.did(process, 'e', 'election.proclaim', { fence, value }, null);

describe('election', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'One leader - one after the other, observed - pass',
      [],
      (tale) => {
        saw(tale, null);
        led(tale, 'a', 2n);
        saw(tale, { term: 2n, value: 'a' });
        proclaimed(tale, 'a', 2n, 'a2');
        saw(tale, { term: 2n, value: 'a2' });
        resigned(tale, 'a', 2n);
        saw(tale, null);
        led(tale, 'b', 5n);
        saw(tale, { term: 5n, value: 'b' });
      },
    ],
    [
      'Observers - who looks late may miss terms - pass',
      [],
      (tale) => {
        led(tale, 'a', 2n);
        resigned(tale, 'a', 2n);
        led(tale, 'b', 5n);
        saw(tale, { term: 5n, value: 'b' });
      },
    ],
    [
      'Observers - a leader whose campaign was never answered - pass',
      [],
      (tale) => {
        tale.call('a', 'e', 'election.campaign', { value: 'a' }).unknown(new Error('lost'));
        saw(tale, { term: 2n, value: 'a' });
      },
    ],
    [
      'One leader - two at a time - fail',
      ['election: one leader'],
      (tale) => {
        led(tale, 'a', 2n);
        led(tale, 'b', 5n);
      },
    ],
    [
      'Terms - one term twice - fail',
      ['election: terms: growing', 'election: terms: unique'],
      (tale) => {
        led(tale, 'a', 2n);
        resigned(tale, 'a', 2n);
        led(tale, 'b', 2n);
      },
    ],
    [
      'Terms - a later leader with a lower term - fail',
      ['election: one leader', 'election: terms: growing'],
      (tale) => {
        led(tale, 'a', 5n);
        resigned(tale, 'a', 5n);
        led(tale, 'b', 2n);
      },
    ],
    [
      'Proclaim only by the leader - in another’s term - fail',
      ['election: proclaim only by the leader'],
      (tale) => {
        led(tale, 'a', 2n);
        proclaimed(tale, 'b', 2n, 'b');
      },
    ],
    [
      'Proclaim only by the leader - after the next term began - fail',
      ['election: proclaim only by the leader'],
      (tale) => {
        led(tale, 'a', 2n);
        tale.note('a', 'e', 'lost', { fence: 2n, lease: 2n, reason: 'deadline' });
        led(tale, 'b', 5n);
        proclaimed(tale, 'a', 2n, 'zombie');
      },
    ],
    [
      'Observers never go back - an older term - fail',
      ['election: observers never go back'],
      (tale) => {
        led(tale, 'a', 2n);
        resigned(tale, 'a', 2n);
        led(tale, 'b', 5n);
        saw(tale, { term: 5n, value: 'b' });
        saw(tale, { term: 2n, value: 'a' });
      },
    ],
    [
      'Observers never go back - an older value of the term - fail',
      ['election: observers see what was'],
      (tale) => {
        led(tale, 'a', 2n);
        proclaimed(tale, 'a', 2n, 'a2');
        saw(tale, { term: 2n, value: 'a2' });
        saw(tale, { term: 2n, value: 'a' });
      },
    ],
    [
      'Observers see what was - a value that nobody proclaimed - fail',
      ['election: observers see what was'],
      (tale) => {
        led(tale, 'a', 2n);
        saw(tale, { term: 2n, value: 'x' });
      },
    ],
    [
      'Null when nobody leads - nobody, and then the same term again - fail',
      ['election: null when nobody leads'],
      (tale) => {
        led(tale, 'a', 2n);
        saw(tale, { term: 2n, value: 'a' });
        saw(tale, null);
        saw(tale, { term: 2n, value: 'a' });
      },
    ],
    [
      'Last seen - left at a leader that is gone - fail',
      ['election: observers: last seen'],
      (tale) => {
        tale.note('server', 'e', 'state', { revision: 1n, value: null });
        led(tale, 'a', 2n);
        tale.note('server', 'e', 'state', { revision: 2n, value: { term: 2n, value: 'a' } });
        saw(tale, { term: 2n, value: 'a' });
        resigned(tale, 'a', 2n);
        tale.note('server', 'e', 'state', { revision: 3n, value: null });
      },
    ],
    [
      'Existed - nobody leads, when that never was - fail',
      ['election: observers: existed'],
      (tale) => {
        led(tale, 'a', 2n);
        tale.note('server', 'e', 'state', { revision: 2n, value: { term: 2n, value: 'a' } });
        saw(tale, null);
        saw(tale, { term: 2n, value: 'a' });
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(election(tell(write)))).toEqual(broken));

  it('valid histories pass', () => {
    forAll(fc.record({ seed: fc.nat(), steps: fc.integer({ min: 1, max: 80 }) }), (options) => {
      expect(election(validLine({ kind: 'election', ...options }))).toEqual([]);
    });
  });

  it('a leader that does not wait is caught', () => {
    forAll(fc.record({ seed: fc.nat(), choice: fc.nat() }), ({ seed, choice }) => {
      const history = validLine({ kind: 'election', seed, steps: 80 });
      const pair = waitingGrants(history, choice);
      only(pair !== undefined);
      expect(rules(election(moved(history, pair[1], pair[0] + 1)))).toContain('election: one leader');
    });
  });

  it('views that are told in another order are caught', () => {
    forAll(fc.record({ terms: fc.integer({ min: 2, max: 8 }), choice: fc.nat() }), ({ terms, choice }) => {
      const history = tell((tale) => {
        for (let term = 1; term <= terms; term++) {
          led(tale, `p${term}`, BigInt(term));
          saw(tale, { term: BigInt(term), value: `p${term}` });
          resigned(tale, `p${term}`, BigInt(term));
        }
      });
      expect(election(history)).toEqual([]);
      const views = placesOf(history, (entry) => entry.type === 'note' && entry.fact === 'view');
      const first = choice % (views.length - 1);
      const [at, next] = [views[first] as number, views[first + 1] as number];
      const data = (place: number) => (history[place] as Entry & { data: null }).data;
      const swapped = changed(
        changed(history, at, (entry) => ({ ...entry, data: data(next) })),
        next,
        (entry) => ({
          ...entry,
          data: data(at),
        }),
      );
      expect(rules(election(swapped))).toEqual(['election: observers never go back']);
    });
  });
});
