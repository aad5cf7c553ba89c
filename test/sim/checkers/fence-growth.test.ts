import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fenceGrowth } from '../../../src/sim/checkers/fence-growth.js';
import { forAll, only } from './support/for-all.js';
import { validLine } from './support/lines.js';
import { callOf, changed, placesOf } from './support/mutate.js';
import { rules, type Tale, tell } from './support/tale.js';

const grant = (fence: bigint) => ({ fence, lease: 1n });

describe('fence growth', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'Growing - each later one is higher - pass',
      [],
      (tale) => {
        tale.did('a', 'x', 'lock.acquire', null, grant(2n));
        tale.did('b', 'x', 'lock.acquire', null, null);
        tale.did('b', 'x', 'lock.acquire', null, grant(7n));
        tale.did('a', 'y', 'election.campaign', { value: 'a' }, grant(3n));
      },
    ],
    [
      'Growing - two at the same time may come either way round - pass',
      [],
      (tale) => {
        const [a, b] = [tale.call('a', 'x', 'rwlock.read', null), tale.call('b', 'x', 'rwlock.read', null)];
        b.ok(grant(3n));
        a.ok(grant(2n));
      },
    ],
    [
      'Growing - lower than one granted before it was asked for - fail',
      ['fence-growth: growing'],
      (tale) => {
        tale.did('a', 'x', 'lock.acquire', null, grant(5n));
        tale.did('b', 'x', 'lock.acquire', null, grant(4n));
      },
    ],
    [
      'Growing - lower than the highest, though not than the last - fail',
      ['fence-growth: growing'],
      (tale) => {
        const slow = tale.call('a', 'x', 'lock.acquire', null);
        tale.did('b', 'x', 'lock.acquire', null, grant(9n));
        slow.ok(grant(3n));
        tale.did('c', 'x', 'lock.acquire', null, grant(4n));
      },
    ],
    [
      'Unique - one fence twice - fail',
      ['fence-growth: unique'],
      (tale) => {
        const [a, b] = [
          tale.call('a', 'x', 'semaphore.acquire', { permits: 1, limit: 2 }),
          tale.call('b', 'x', 'lock.acquire', null),
        ];
        b.ok(grant(3n));
        a.ok(grant(3n));
      },
    ],
    [
      'Growing - the same fence again, one after the other - fail',
      ['fence-growth: growing', 'fence-growth: unique'],
      (tale) => {
        tale.did('a', 'x', 'lock.acquire', null, grant(3n));
        tale.did('b', 'x', 'lock.acquire', null, grant(3n));
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(fenceGrowth(tell(write)))).toEqual(broken));

  const kinds = fc.constantFrom('lock' as const, 'rwlock' as const, 'semaphore' as const, 'election' as const);

  it('valid histories pass', () => {
    forAll(fc.record({ kind: kinds, seed: fc.nat(), steps: fc.integer({ min: 1, max: 80 }) }), (options) => {
      expect(rules(fenceGrowth(validLine(options)))).toEqual([]);
    });
  });

  it('a fence that is not above one granted before its call is caught', () => {
    forAll(fc.record({ kind: kinds, seed: fc.nat(), choice: fc.nat() }), ({ kind, seed, choice }) => {
      const history = validLine({ kind, seed, steps: 60 });
      const grants = placesOf(history, (entry) => entry.type === 'ok' && entry.output !== null);
      const pairs = grants.flatMap((at) =>
        grants.filter((other) => other < callOf(history, at)).map((other) => [other, at]),
      );
      const [earlier, later] = pairs[choice % Math.max(1, pairs.length)] ?? [];
      only(earlier !== undefined && later !== undefined);
      const entry = history[earlier];
      only(entry?.type === 'ok');
      const { fence } = entry.output as { fence: bigint };
      const output = { fence: fence - BigInt(choice % 2), lease: 1n };
      const mutated = changed(history, later, (each) => ({ ...each, output }) as typeof each);
      expect(rules(fenceGrowth(mutated))).toContain('fence-growth: growing');
    });
  });
});
