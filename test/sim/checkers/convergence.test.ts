import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { convergence } from '../../../src/sim/checkers/convergence.js';
import type { History, Plain } from '../../../src/sim/history.js';
import { Prng } from '../../../src/sim/prng.js';
import { forAll, only } from './support/for-all.js';
import { changed, placesOf, without } from './support/mutate.js';
import { rules, Tale, tell, verdicts } from './support/tale.js';

const state = (tale: Tale, revision: number, value: Plain) =>
  tale.note('server', 'config', 'state', { revision: BigInt(revision), value });

const view = (tale: Tale, value: Plain, revision?: number) =>
  tale.note('a', 'config', 'view', {
    observer: '1',
    value,
    ...(revision !== undefined && { revision: BigInt(revision) }),
  });

describe('convergence', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'Never back - some states are left out - pass',
      [],
      (tale) => {
        for (const revision of [1, 4, 7]) state(tale, revision, { at: revision });
        view(tale, { at: 1 });
        view(tale, { at: 7 });
      },
    ],
    [
      'Existed - the same value comes again - pass',
      [],
      (tale) => {
        for (const [revision, value] of ['x', 'y', 'x'].entries()) state(tale, revision, value);
        for (const value of ['x', 'y', 'x']) view(tale, value);
      },
    ],
    [
      'Existed - with revisions, between two changes - pass',
      [],
      (tale) => {
        state(tale, 1, 'x');
        state(tale, 5, 'y');
        view(tale, 'x', 3);
        view(tale, 'y', 9);
      },
    ],
    [
      'Last seen - an observer that crashed, and one that was closed - pass',
      [],
      (tale) => {
        state(tale, 1, 'x');
        view(tale, 'x');
        tale.note('a', 'run', 'crash', null);
        tale.note('b', 'config', 'view', { observer: '1', value: 'x' });
        tale.note('b', 'config', 'view.end', { observer: '1' });
        state(tale, 2, 'y');
      },
    ],
    [
      'Never back - an older state - fail',
      ['convergence: never back'],
      (tale) => {
        state(tale, 1, 'x');
        state(tale, 2, 'y');
        for (const value of ['y', 'x', 'y']) view(tale, value);
      },
    ],
    [
      'Never back - an older revision - fail',
      ['convergence: never back'],
      (tale) => {
        state(tale, 1, 'x');
        state(tale, 5, 'y');
        view(tale, 'y', 6);
        view(tale, 'y', 5);
      },
    ],
    [
      'Existed - a mix of two states - fail',
      ['convergence: existed'],
      (tale) => {
        state(tale, 1, { p: 1, q: 1 });
        state(tale, 2, { p: 2, q: 2 });
        view(tale, { p: 2, q: 1 });
        view(tale, { p: 2, q: 2 });
      },
    ],
    [
      'Existed - a state under the wrong revision - fail',
      ['convergence: existed'],
      (tale) => {
        state(tale, 1, 'x');
        state(tale, 5, 'y');
        view(tale, 'y', 3);
        view(tale, 'y', 5);
      },
    ],
    [
      'Last seen - left behind - fail',
      ['convergence: last seen'],
      (tale) => {
        state(tale, 1, 'x');
        view(tale, 'x');
        state(tale, 2, 'y');
      },
    ],
    [
      'Last seen - only after the time to finish - fail',
      ['convergence: last seen'],
      (tale) => {
        state(tale, 1, 'x');
        view(tale, 'x');
        state(tale, 2, 'y');
        tale.note('world', 'run', 'phase', { phase: 'end' });
        view(tale, 'y');
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(convergence(tell(write)))).toEqual(broken));

  it('Existed - no states to judge by - undecided', () => {
    expect(verdicts(convergence(tell((tale) => view(tale, 'x'))))).toEqual(['undecided']);
  });

  it('valid histories pass', () => {
    forAll(fc.record({ seed: fc.nat(), revisions: fc.boolean() }), (options) => {
      expect(convergence(views(options))).toEqual([]);
    });
  });

  it('a view that never was, a view that comes again, and a last view left out are caught', () => {
    forAll(fc.record({ seed: fc.nat(), revisions: fc.boolean(), choice: fc.nat() }), ({ choice, ...options }) => {
      const history = views(options);
      const seen = placesOf(history, (entry) => entry.type === 'note' && entry.fact === 'view');
      only(seen.length > 1);
      const at = seen[choice % seen.length] as number;
      const never = changed(
        history,
        at,
        (entry) => ({ ...entry, data: { ...dataOf(entry), value: 'never' } }) as typeof entry,
      );
      expect(rules(convergence(never))).toContain('convergence: existed');
      const [first] = seen as [number];
      const again = [...history, history[first] as History[number]];
      expect(rules(convergence(again))).toContain('convergence: never back');
      expect(rules(convergence(without(history, seen.at(-1) as number)))).toEqual(['convergence: last seen']);
    });
  });
});

function dataOf(entry: History[number]): object {
  return (entry as { data: object }).data;
}

/** An observer that is told some of the states, and the last. */
function views({ seed, revisions }: { seed: number; revisions: boolean }): History {
  const random = new Prng(seed);
  const tale = new Tale();
  const count = 1 + random.below(12);
  let told = -1;
  for (let i = 0; i < count; i++) {
    state(tale, i * 3, { value: i });
    const next = told + 1 + random.below(i - told + 1);
    if (next > i && i < count - 1) continue;
    told = Math.min(next, i);
    view(tale, { value: told }, revisions ? told * 3 + random.below(3) : undefined);
  }
  if (told < count - 1) view(tale, { value: count - 1 }, revisions ? count * 3 : undefined);
  return tale.history;
}
