import { describe, expect, it } from 'vitest';
import { queue } from '../../../src/sim/checkers/queue.js';
import { cancelledForGood, oneOfAKey } from '../../../src/sim/checkers/queue-keys.js';
import { rules, type Tale, tell } from './support/tale.js';

const taken = (tale: Tale, item: string, claim: bigint) => tale.did('c', 'q', 'queue.take', null, { item, claim });
const acked = (tale: Tale, item: string, claim: bigint) => tale.did('c', 'q', 'queue.ack', { item, claim }, null);
const cancelled = (tale: Tale, item: string, done = true) => tale.did('p', 'q', 'queue.cancel', { item }, done);

/** The jobs of key `k` that are there. */
const keyed = (tale: Tale, ...ids: string[]) =>
  tale.note('server', 'q', 'queue.keyed', { jobs: ids.map((id) => ({ id, key: 'k' })) });

/** An enqueue that is told of job `id`, while whatever `meanwhile` does. */
function duplicate(tale: Tale, item: string, id: string, meanwhile = () => {}) {
  const call = tale.call('p', 'q', 'queue.enqueue', { item });
  meanwhile();
  tale.note('p', 'q', 'queue.duplicate', { item, key: 'k', id });
  call.fail(new Error('there'));
}

describe('dedupe keys', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'one after the other, and who is told of one that was there - pass',
      [],
      (tale) => {
        keyed(tale, '1');
        duplicate(tale, 'b', '1');
        keyed(tale);
        duplicate(tale, 'c', '2', () => keyed(tale, '2'));
        duplicate(tale, 'd', '2', () => keyed(tale));
      },
    ],
    ['two at once - fail', ['queue: one of a key'], (tale) => keyed(tale, '1', '2')],
    [
      'told of one that has gone, or never was - fail',
      ['queue: told of one that is there'],
      (tale) => {
        keyed(tale, '1');
        keyed(tale);
        duplicate(tale, 'b', '1');
        duplicate(tale, 'c', '7', () => keyed(tale, '2'));
      },
    ],
  ])('%s', (_, expected, tale) => {
    expect(rules(oneOfAKey(tell(tale)))).toEqual(expected);
  });

  it('nothing of one that was refused is there in the end', () => {
    const violations = queue(
      tell((tale) => {
        keyed(tale, '1');
        duplicate(tale, 'b', '1');
        tale.note('server', 'q', 'queue.remaining', { items: ['b'] });
      }),
    );
    expect(rules(violations)).toEqual(['queue: nothing made up']);
  });

  it('a dead letter that is redriven is lost if it is nowhere', () => {
    const tale = (redriven: boolean) =>
      tell((each) => {
        each.did('p', 'q', 'queue.enqueue', { item: 'a' }, { revision: 2n });
        each.note('server', 'q', 'queue.dead', { item: 'a' });
        if (redriven) each.did('p', 'q', 'queue.redrive', { item: 'a' }, true);
        each.note('server', 'q', 'queue.remaining', { items: [] });
      });
    expect(rules(queue(tale(false)))).toEqual([]);
    expect(rules(queue(tale(true)))).toEqual(['queue: nothing lost']);
  });
});

describe('cancels', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'of what is there, of what is done, and of what is in hand - pass',
      [],
      (tale) => {
        cancelled(tale, 'a');
        taken(tale, 'b', 3n);
        acked(tale, 'b', 3n);
        cancelled(tale, 'b', false);
        taken(tale, 'c', 5n);
        cancelled(tale, 'c');
      },
    ],
    [
      'done as well - fail',
      ['queue: cancelled for good'],
      (tale) => {
        taken(tale, 'a', 3n);
        acked(tale, 'a', 3n);
        cancelled(tale, 'a');
      },
    ],
    [
      'handed out afterwards - fail',
      ['queue: cancelled for good'],
      (tale) => {
        cancelled(tale, 'a');
        taken(tale, 'a', 3n);
      },
    ],
  ])('%s', (_, expected, tale) => {
    expect(rules(cancelledForGood(tell(tale)))).toEqual(expected);
  });
});
