import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sectionsOf } from '../../../src/sim/checkers/sections.js';
import { semaphore } from '../../../src/sim/checkers/semaphore.js';
import type { Entry, History } from '../../../src/sim/history.js';
import { forAll, only } from './support/for-all.js';
import { permitsMax, validLine } from './support/lines.js';
import { rules, type Tale, tell } from './support/tale.js';

function took(tale: Tale, process: string, fence: bigint, permits = 1, limit = 2) {
  tale.did(process, 'pool', 'semaphore.acquire', { permits, limit }, { fence, lease: fence });
}

describe('semaphore', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'Bounded - as many as the limit - pass',
      [],
      (tale) => {
        took(tale, 'a', 2n);
        took(tale, 'b', 3n);
        tale.did('a', 'pool', 'release', { fence: 2n }, null);
        took(tale, 'c', 4n);
      },
    ],
    [
      'Fair - the second hears first, and both fit - pass',
      [],
      (tale) => {
        const first = tale.call('a', 'pool', 'semaphore.acquire', { permits: 1, limit: 2 });
        took(tale, 'b', 3n);
        first.ok({ fence: 2n, lease: 2n });
      },
    ],
    [
      'Bounded - one too many - fail',
      ['semaphore: bounded'],
      (tale) => {
        for (const [i, process] of ['a', 'b', 'c'].entries()) took(tale, process, BigInt(i + 2));
      },
    ],
    [
      'Bounded - two permits where one is free - fail',
      ['semaphore: bounded'],
      (tale) => {
        took(tale, 'a', 2n);
        took(tale, 'b', 3n, 2);
      },
    ],
    [
      'Fair - a small one goes before a big one that waits - fail',
      ['semaphore: fair'],
      (tale) => {
        took(tale, 'a', 2n);
        const big = tale.call('b', 'pool', 'semaphore.acquire', { permits: 2, limit: 2 });
        took(tale, 'c', 4n);
        tale.did('a', 'pool', 'release', { fence: 2n }, null);
        tale.did('c', 'pool', 'release', { fence: 4n }, null);
        big.ok({ fence: 3n, lease: 3n });
      },
    ],
    [
      'Agreed - two limits - fail',
      ['semaphore: agreed'],
      (tale) => {
        took(tale, 'a', 2n, 1, 2);
        took(tale, 'b', 3n, 1, 5);
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(semaphore(tell(write)))).toEqual(broken));

  it('valid histories pass', () => {
    forAll(fc.record({ seed: fc.nat(), steps: fc.integer({ min: 1, max: 100 }) }), (options) => {
      expect(semaphore(validLine({ kind: 'semaphore', ...options }))).toEqual([]);
    });
  });

  it('a limit that was passed is caught', () => {
    forAll(fc.nat(), (seed) => {
      const history = validLine({ kind: 'semaphore', seed, steps: 60 });
      only(peakOf(history) === permitsMax);
      const lower = history.map((entry) => withLimit(entry, permitsMax - 1));
      expect(rules(semaphore(lower))).not.toEqual([]);
    });
  });
});

/** The most permits that were out at once, counted at every single position. */
function peakOf(history: History): number {
  const sections = sectionsOf(history, ['semaphore.acquire']).get('line') ?? [];
  return Math.max(
    0,
    ...history.map((_, at) =>
      sections
        .filter(({ from, to }) => from <= at && at < to)
        .reduce((sum, { acquire }) => sum + (acquire.input as { permits: number }).permits, 0),
    ),
  );
}

function withLimit(entry: Entry, limit: number): Entry {
  if (entry.type !== 'invoke' || entry.op !== 'semaphore.acquire') return entry;
  return { ...entry, input: { ...(entry.input as { permits: number }), limit } };
}
