import { describe, expect, it } from 'vitest';
import { countedRight, purgedForGood, resultsOfAcks } from '../../../src/sim/checkers/queue-ends.js';
import { rules, type Tale, tell } from './support/tale.js';

const taken = (tale: Tale, item: string, claim: bigint) => tale.did('c', 'q', 'queue.take', null, { item, claim });
const acked = (tale: Tale, item: string, claim: bigint) => tale.did('c', 'q', 'queue.ack', { item, claim }, null);
const purged = (tale: Tale, item: string, claimed = false) =>
  tale.note('server', 'q', 'queue.purged', { item, claimed });
const told = (tale: Tale, count: number) => tale.did('p', 'q', 'queue.purge', null, { count });
const lost = new Error('lost');

describe('purges', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'what waits, counted; what comes afterwards is handed out - pass',
      [],
      (tale) => {
        taken(tale, 'a', 3n);
        const purge = tale.call('p', 'q', 'queue.purge', null);
        purged(tale, 'b');
        purged(tale, 'c');
        purge.ok({ count: 2 });
        acked(tale, 'a', 3n);
        taken(tale, 'd', 9n);
      },
    ],
    [
      'one whose answer was lost took some - pass',
      [],
      (tale) => {
        const purge = tale.call('p', 'q', 'queue.purge', null);
        purged(tale, 'a');
        purged(tale, 'b');
        purge.unknown(lost);
        told(tale, 1);
      },
    ],
    [
      'taken by who asked before it was purged, and told later - pass',
      [],
      (tale) => {
        const take = tale.call('c', 'q', 'queue.take', null);
        purged(tale, 'a');
        take.ok({ item: 'a', claim: 2n });
        told(tale, 1);
      },
    ],
    [
      'in hand - fail',
      ['queue: purge'],
      (tale) => {
        purged(tale, 'a', true);
        told(tale, 1);
      },
    ],
    [
      'done as well - fail',
      ['queue: purge'],
      (tale) => {
        taken(tale, 'a', 3n);
        purged(tale, 'a');
        told(tale, 1);
        acked(tale, 'a', 3n);
      },
    ],
    [
      'handed out afterwards - fail',
      ['queue: purge'],
      (tale) => {
        purged(tale, 'a');
        told(tale, 1);
        taken(tale, 'a', 3n);
      },
    ],
    [
      'told of more than there were - fail',
      ['queue: purge counts'],
      (tale) => {
        purged(tale, 'a');
        told(tale, 2);
      },
    ],
    [
      'told of fewer, with none of unknown fate - fail',
      ['queue: purge counts'],
      (tale) => {
        purged(tale, 'a');
        purged(tale, 'b');
        told(tale, 1);
      },
    ],
    [
      'told of more, though one is of unknown fate - fail',
      ['queue: purge counts'],
      (tale) => {
        tale.call('p', 'q', 'queue.purge', null).unknown(lost);
        purged(tale, 'a');
        told(tale, 2);
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(purgedForGood(tell(write)))).toEqual(broken));
});

describe('what a queue counts', () => {
  it.each<[string, string[], { jobs: number; kib: number; there: number }]>([
    ['as many as are there, of a KiB at least each - pass', [], { jobs: 2, kib: 5, there: 2 }],
    ['fewer than are there - fail', ['queue: counted'], { jobs: 1, kib: 5, there: 2 }],
    ['more than are there - fail', ['queue: counted'], { jobs: 3, kib: 5, there: 2 }],
    ['less than a KiB each - fail', ['queue: counted'], { jobs: 2, kib: 1, there: 2 }],
  ])('%s', (_, broken, data) => {
    const history = tell((tale) => tale.note('server', 'q', 'queue.counted', data));
    expect(rules(countedRight(history))).toEqual(broken);
  });
});

describe('results', () => {
  const kept = (tale: Tale, item: string, claim: bigint, done = true) =>
    tale.note('server', 'q', 'queue.kept', { item, claim, done });
  const answer = (tale: Tale, item: string, state: 'done' | 'dead' | 'gone', claim?: bigint) =>
    tale.did('p', 'q', 'queue.result', { item }, { state, ...(claim !== undefined && { claim }) });

  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'with the ack of its claim, whose answer may be lost; dead and purged ones - pass',
      [],
      (tale) => {
        acked(tale, 'a', 3n);
        kept(tale, 'a', 3n);
        answer(tale, 'a', 'done', 3n);
        tale.call('c', 'q', 'queue.ack', { item: 'b', claim: 4n }).unknown(lost);
        kept(tale, 'b', 4n);
        answer(tale, 'b', 'done', 4n);
        tale.note('server', 'q', 'queue.dead', { item: 'c' });
        answer(tale, 'c', 'dead');
        purged(tale, 'd');
        answer(tale, 'd', 'gone');
      },
    ],
    [
      'gone before its time, with its lease - pass',
      [],
      (tale) => {
        acked(tale, 'a', 3n);
        answer(tale, 'a', 'gone');
      },
    ],
    [
      'kept without the end of its item - fail',
      ['queue: result'],
      (tale) => {
        acked(tale, 'a', 3n);
        kept(tale, 'a', 3n, false);
      },
    ],
    [
      'kept by a claim whose ack was refused - fail',
      ['queue: result'],
      (tale) => {
        tale.call('c', 'q', 'queue.ack', { item: 'a', claim: 3n }).fail(new Error('LOST'));
        kept(tale, 'a', 3n);
      },
    ],
    [
      'told to be done, of a claim that is not the one - fail',
      ['queue: result'],
      (tale) => {
        acked(tale, 'a', 5n);
        answer(tale, 'a', 'done', 3n);
      },
    ],
    [
      'told to be dead, and was done - fail',
      ['queue: result'],
      (tale) => {
        acked(tale, 'a', 3n);
        answer(tale, 'a', 'dead');
      },
    ],
    ['told to be gone, and never ended - fail', ['queue: result'], (tale) => answer(tale, 'a', 'gone')],
  ])('%s', (_, broken, write) => expect(rules(resultsOfAcks(tell(write)))).toEqual(broken));
});
