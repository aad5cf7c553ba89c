import { describe, expect, it } from 'vitest';
import { permitsGiven } from '../../../src/sim/checkers/permits-given.js';
import { semaphore } from '../../../src/sim/checkers/semaphore.js';
import { rules, type Tale, tell } from './support/tale.js';

/** The server's line: who stands with how many permits, of how many there are. */
function line(tale: Tale, permits: number, places: Readonly<Record<string, number>>, permitsSince = 1n) {
  const shown = Object.entries(places).map(([fence, each]) => ({ fence: BigInt(fence), owner: '', permits: each }));
  tale.note('server', 'pool', 'line.state', { revision: 1n, permits, permitsSince, places: shown });
}

const asks = (tale: Tale, permits: number) => tale.call('a', 'pool', 'semaphore.acquire', { permits, limit: 3 });
const sets = (tale: Tale, permits: number) => tale.call('b', 'pool', 'semaphore.setPermits', { permits });
const gives = (fence: bigint) => ({ fence, lease: fence });

describe('permits that are given', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'fits in beside those before it - pass',
      [],
      (tale) => {
        const call = asks(tale, 2);
        line(tale, 3, { 2: 2, 3: 2 });
        line(tale, 3, { 3: 2, 4: 2 });
        call.ok(gives(3n));
      },
    ],
    [
      'fitted in before there were fewer - pass',
      [],
      (tale) => {
        const call = asks(tale, 2);
        line(tale, 3, { 2: 1, 3: 2 });
        line(tale, 1, { 2: 1, 3: 2 });
        call.ok(gives(3n));
      },
    ],
    [
      'never fitted in - fail',
      ['semaphore: given'],
      (tale) => {
        const call = asks(tale, 2);
        line(tale, 3, { 2: 2, 3: 2 });
        line(tale, 3, { 2: 2, 3: 2, 4: 1 });
        call.ok(gives(3n));
        line(tale, 3, { 3: 2, 4: 1 });
      },
    ],
    [
      'fits in only by the permits that there were before it came - fail',
      ['semaphore: given'],
      (tale) => {
        line(tale, 5, { 2: 1 });
        line(tale, 2, { 2: 1 });
        const call = asks(tale, 2);
        line(tale, 2, { 2: 1, 3: 2 });
        call.ok(gives(3n));
      },
    ],
    [
      'never stood in the line - fail',
      ['semaphore: given'],
      (tale) => {
        line(tale, 3, { 2: 1 });
        asks(tale, 1).ok(gives(3n));
      },
    ],
    [
      'a change that is seen, one of what is there already, one that another came after - pass',
      [],
      (tale) => {
        line(tale, 3, {});
        const first = sets(tale, 5);
        line(tale, 5, {}, 2n);
        first.ok(null);
        const second = sets(tale, 5);
        line(tale, 5, {}, 3n);
        second.ok(null);
        const last = sets(tale, 4);
        line(tale, 6, {}, 4n);
        last.ok(null);
      },
    ],
    [
      'a change that was confirmed and not made - fail',
      ['semaphore: changed'],
      (tale) => {
        line(tale, 3, {});
        const change = sets(tale, 5);
        line(tale, 3, { 2: 1 });
        change.ok(null);
        line(tale, 5, {}, 2n);
      },
    ],
    [
      'a line that nobody recorded - pass',
      [],
      (tale) => {
        asks(tale, 1).ok(gives(3n));
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(permitsGiven(tell(write)))).toEqual(broken));
});

describe('semaphore, with a number of permits that changes', () => {
  it.each([
    [5, []],
    [4, ['semaphore: bounded']],
  ] as const)('five permits are out where there were %i during the call', (most, broken) => {
    const history = tell((tale) => {
      line(tale, 5, {});
      asks(tale, 3).ok(gives(2n));
      line(tale, most, { 2: 3 });
      const call = asks(tale, 2);
      line(tale, 2, { 2: 3, 3: 2 });
      call.ok(gives(3n));
    });
    expect(rules(semaphore(history))).toEqual(broken);
  });
});
