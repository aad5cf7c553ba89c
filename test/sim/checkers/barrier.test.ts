import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { barrier } from '../../../src/sim/checkers/barrier.js';
import type { History } from '../../../src/sim/history.js';
import { Prng } from '../../../src/sim/prng.js';
import { forAll } from './support/for-all.js';
import { moved, placesOf } from './support/mutate.js';
import { rules, Tale, tell } from './support/tale.js';

const parties = { parties: 2 };

function entered(tale: Tale, ...processes: string[]) {
  const calls = processes.map((process) => tale.call(process, 'd', 'doubleBarrier.enter', parties));
  for (const call of calls) call.ok(null);
}

describe('barrier', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'Closed - passes once it is lifted - pass',
      [],
      (tale) => {
        tale.did('a', 'b', 'barrier.raise', null, null);
        const wait = tale.call('c', 'b', 'barrier.await', null);
        tale.call('a', 'b', 'barrier.lift', null).unknown(new Error('lost'));
        wait.ok(null);
      },
    ],
    [
      'Closed - was never up, or is raised behind it - pass',
      [],
      (tale) => {
        tale.did('c', 'b', 'barrier.await', null, null);
        const wait = tale.call('c', 'b', 'barrier.await', null);
        tale.did('a', 'b', 'barrier.raise', null, null);
        wait.ok(null);
      },
    ],
    [
      'All there, all done - two parties - pass',
      [],
      (tale) => {
        entered(tale, 'a', 'c');
        const [a, c] = ['a', 'c'].map((process) => tale.call(process, 'd', 'doubleBarrier.leave', parties));
        a?.ok(null);
        c?.ok(null);
      },
    ],
    [
      'All done - the other one crashed - pass',
      [],
      (tale) => {
        entered(tale, 'a', 'c');
        tale.note('c', 'run', 'crash', null);
        tale.did('a', 'd', 'doubleBarrier.leave', parties, null);
      },
    ],
    [
      'Counted down - the last may still be under way - pass',
      [],
      (tale) => {
        const wait = tale.call('c', 'l', 'latch.await', { count: 2 });
        tale.did('a', 'l', 'latch.countDown', { count: 2 }, null);
        tale.call('b', 'l', 'latch.countDown', { count: 2 });
        wait.ok(null);
      },
    ],
    [
      'Closed - passes while it is up - fail',
      ['barrier: closed'],
      (tale) => {
        tale.did('a', 'b', 'barrier.raise', null, null);
        tale.did('c', 'b', 'barrier.await', null, null);
      },
    ],
    [
      'Closed - lifted and raised again before it came - fail',
      ['barrier: closed'],
      (tale) => {
        tale.did('a', 'b', 'barrier.raise', null, null);
        tale.did('a', 'b', 'barrier.lift', null, null);
        tale.did('a', 'b', 'barrier.raise', null, null);
        tale.did('c', 'b', 'barrier.await', null, null);
        tale.did('a', 'b', 'barrier.lift', null, null);
      },
    ],
    [
      'All there - one enters alone - fail',
      ['barrier: all there'],
      (tale) => {
        tale.did('a', 'd', 'doubleBarrier.enter', parties, null);
        tale.did('c', 'd', 'doubleBarrier.enter', parties, null);
      },
    ],
    [
      'All done - one leaves while the other works - fail',
      ['barrier: all done'],
      (tale) => {
        entered(tale, 'a', 'c');
        tale.did('a', 'd', 'doubleBarrier.leave', parties, null);
        tale.did('c', 'd', 'doubleBarrier.leave', parties, null);
      },
    ],
    [
      'Counted down - one too few - fail',
      ['barrier: counted down'],
      (tale) => {
        tale.did('a', 'l', 'latch.countDown', { count: 2 }, null);
        tale.call('b', 'l', 'latch.countDown', { count: 2 }).fail(new Error('refused'));
        tale.did('c', 'l', 'latch.await', { count: 2 }, null);
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(barrier(tell(write)))).toEqual(broken));

  it('valid double barriers pass, and one that opens before the last has come is caught', () => {
    forAll(fc.record({ seed: fc.nat(), count: fc.integer({ min: 2, max: 6 }) }), ({ seed, count }) => {
      const history = doubleBarrier(seed, count);
      expect(barrier(history)).toEqual([]);
      const firstOk = history.findIndex((entry) => entry.type === 'ok');
      const late = placesOf(history, (entry) => entry.type === 'invoke' && entry.op === 'doubleBarrier.enter').filter(
        (at) => history[at]?.process !== history[firstOk]?.process,
      );
      expect(rules(barrier(moved(history, late[0] as number, firstOk)))).toContain('barrier: all there');
    });
  });

  it('valid latches pass, and one that opens a count early is caught', () => {
    forAll(fc.integer({ min: 1, max: 6 }), (count) => {
      const history = tell((tale) => {
        const wait = tale.call('w', 'l', 'latch.await', { count });
        for (let i = 0; i < count; i++) tale.did(`p${i}`, 'l', 'latch.countDown', { count }, null);
        wait.ok(null);
      });
      expect(barrier(history)).toEqual([]);
      expect(rules(barrier(moved(history, history.length - 1, history.length - 3)))).toEqual(['barrier: counted down']);
    });
  });
});

function doubleBarrier(seed: number, count: number): History {
  const random = new Prng(seed);
  const tale = new Tale();
  const names = Array.from({ length: count }, (_, i) => `p${i}`);
  for (const op of ['doubleBarrier.enter', 'doubleBarrier.leave'] as const) {
    const calls = names.map((process) => tale.call(process, 'd', op, { parties: count }));
    while (calls.length > 0) calls.splice(random.below(calls.length), 1)[0]?.ok(null);
  }
  return tale.history;
}
