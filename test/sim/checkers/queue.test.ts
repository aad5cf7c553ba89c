import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { queue } from '../../../src/sim/checkers/queue.js';
import type { Entry, History } from '../../../src/sim/history.js';
import { Prng } from '../../../src/sim/prng.js';
import { forAll, only } from './support/for-all.js';
import { callOf, placesOf, without } from './support/mutate.js';
import { rules, Tale, tell, verdicts } from './support/tale.js';

function enqueued(
  tale: Tale,
  item: string,
  revision: bigint,
  more: { priority?: number; delayMs?: number; group?: string } = {},
) {
  tale.did('p', 'q', 'queue.enqueue', { item, ...more }, { revision });
}

function taken(tale: Tale, item: string, claim: bigint, process = 'c', lease?: bigint) {
  tale.did(process, 'q', 'queue.take', null, { item, claim, ...(lease !== undefined && { lease }) });
}

function acked(tale: Tale, item: string, claim: bigint, process = 'c') {
  tale.did(process, 'q', 'queue.ack', { item, claim }, null);
}

const remaining = (tale: Tale, ...items: string[]) => tale.note('server', 'q', 'queue.remaining', { items });

describe('queue', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'Nothing lost - done, there, or given up - pass',
      [],
      (tale) => {
        for (const [i, item] of ['a', 'b', 'c'].entries()) enqueued(tale, item, BigInt(i + 2));
        taken(tale, 'a', 5n);
        acked(tale, 'a', 5n);
        tale.note('server', 'q', 'queue.dead', { item: 'b' });
        remaining(tale, 'c');
      },
    ],
    [
      'At least once - claimed again after its claim was lost - pass',
      [],
      (tale) => {
        enqueued(tale, 'a', 2n);
        taken(tale, 'a', 3n, 'c');
        tale.note('c', 'run', 'crash', null);
        taken(tale, 'a', 5n, 'd');
        acked(tale, 'a', 5n, 'd');
        remaining(tale);
      },
    ],
    [
      'Nothing lost - an enqueue of unknown fate, an ack of unknown fate - pass',
      [],
      (tale) => {
        tale.call('p', 'q', 'queue.enqueue', { item: 'x' }).unknown(new Error('lost'));
        enqueued(tale, 'a', 2n);
        taken(tale, 'a', 3n);
        tale.call('c', 'q', 'queue.ack', { item: 'a', claim: 3n }).unknown(new Error('lost'));
        remaining(tale);
      },
    ],
    [
      'In order - by priority, and a delayed one late - pass',
      [],
      (tale) => {
        enqueued(tale, 'later', 2n, { delayMs: 100 });
        enqueued(tale, 'low', 3n);
        enqueued(tale, 'high', 4n, { priority: 5 });
        for (const [i, item] of ['high', 'low', 'later'].entries()) taken(tale, item, BigInt(i + 5));
        for (const [i, item] of ['high', 'low', 'later'].entries()) acked(tale, item, BigInt(i + 5));
      },
    ],
    [
      'No ack by an expired claim - its lease had ended and was granted again before the claim - pass',
      [],
      (tale) => {
        tale.note('server', 'kv', 'lease.granted', { lease: 7n, ttlMs: 2000 });
        tale.note('server', 'kv', 'lease.ended', { lease: 7n, cause: 'expired' });
        tale.note('server', 'kv', 'lease.granted', { lease: 7n, ttlMs: 2000 });
        enqueued(tale, 'a', 2n);
        taken(tale, 'a', 3n, 'c', 7n);
        acked(tale, 'a', 3n, 'c');
      },
    ],
    [
      'In order - a higher one that came after the claim - pass',
      [],
      (tale) => {
        enqueued(tale, 'low', 2n);
        taken(tale, 'low', 3n);
        enqueued(tale, 'high', 4n, { priority: 5 });
        taken(tale, 'high', 5n);
        acked(tale, 'high', 5n);
        acked(tale, 'low', 3n);
      },
    ],
    [
      'In order - the first was taken by one who was never told - pass',
      [],
      (tale) => {
        enqueued(tale, 'a', 2n);
        enqueued(tale, 'b', 3n);
        tale.call('d', 'q', 'queue.take', null).unknown(new Error('lost'));
        taken(tale, 'b', 5n);
        taken(tale, 'a', 7n);
        acked(tale, 'b', 5n);
        acked(tale, 'a', 7n);
      },
    ],
    [
      'In order - the first was claimed in its turn, by the store’s word, and given back unheard of - pass',
      [],
      (tale) => {
        enqueued(tale, 'a', 2n);
        enqueued(tale, 'b', 3n);
        tale.note('server', 'q', 'queue.claimed', { item: 'a', claim: 4n });
        taken(tale, 'b', 5n);
        tale.note('server', 'q', 'queue.claimed', { item: 'a', claim: 6n });
        taken(tale, 'a', 6n);
        remaining(tale, 'a', 'b');
      },
    ],
    [
      'Nothing lost - accepted, and nowhere - fail',
      ['queue: nothing lost'],
      (tale) => {
        enqueued(tale, 'a', 2n);
        enqueued(tale, 'b', 3n);
        remaining(tale, 'b');
      },
    ],
    [
      'Nothing lost - delivered, never done, and gone - fail',
      ['queue: nothing lost'],
      (tale) => {
        enqueued(tale, 'a', 2n);
        taken(tale, 'a', 3n);
        tale.note('c', 'run', 'crash', null);
        remaining(tale);
      },
    ],
    ['Nothing made up - nobody enqueued it - fail', ['queue: nothing made up'], (tale) => taken(tale, 'x', 3n)],
    [
      'Nothing made up - refused, and delivered all the same - fail',
      ['queue: nothing made up'],
      (tale) => {
        tale.call('p', 'q', 'queue.enqueue', { item: 'a' }).fail(new Error('full'));
        taken(tale, 'a', 3n);
      },
    ],
    [
      'Done stays done - delivered after it was done - fail',
      ['queue: done stays done'],
      (tale) => {
        enqueued(tale, 'a', 2n);
        taken(tale, 'a', 3n);
        acked(tale, 'a', 3n);
        taken(tale, 'a', 5n);
      },
    ],
    [
      'In order - a group held up, others past it - pass',
      [],
      (tale) => {
        enqueued(tale, 'g1', 2n, { group: 'g' });
        enqueued(tale, 'g2', 3n, { group: 'g', priority: 5 });
        enqueued(tale, 'a', 4n);
        taken(tale, 'g1', 5n);
        taken(tale, 'a', 6n);
        taken(tale, 'g2', 7n);
        tale.note('server', 'q', 'queue.progress', { job: '1', claim: 5n, step: 1, live: 5n });
        tale.note('server', 'q', 'queue.progress', { job: '1', claim: 5n, step: 2, live: 5n });
        remaining(tale, 'g1', 'g2', 'a');
      },
    ],
    [
      'In order - the second of a group first, for its priority - fail',
      ['queue: in order'],
      (tale) => {
        enqueued(tale, 'g1', 2n, { group: 'g' });
        enqueued(tale, 'g2', 3n, { group: 'g', priority: 5 });
        taken(tale, 'g2', 5n);
        taken(tale, 'g1', 6n);
        remaining(tale, 'g1', 'g2');
      },
    ],
    [
      'One of a group - two at once - fail',
      ['queue: one of a group'],
      (tale) => {
        tale.did('p', 'q', 'queue.take', null, null);
        tale.note('server', 'q', 'queue.beside', { group: 'g', items: ['a', 'b'] });
      },
    ],
    [
      'The first are claimed - one stood in front - fail',
      ['queue: the first are claimed'],
      (tale) => {
        enqueued(tale, 'a', 2n);
        taken(tale, 'a', 4n);
        tale.note('server', 'q', 'queue.passed', { keys: ['queues/q/ready/1000/0000000000000001'] });
        remaining(tale, 'a');
      },
    ],
    [
      'In order - several by one request - pass',
      [],
      (tale) => {
        enqueued(tale, 'b', 2n);
        enqueued(tale, 'a', 3n, { priority: 5 });
        taken(tale, 'b', 5n);
        taken(tale, 'a', 5n);
        remaining(tale, 'a', 'b');
      },
    ],
    [
      'Paused as said - late, by a call that was given up - pass',
      [],
      (tale) => {
        tale.call('p', 'q', 'queue.switch', { paused: true }).unknown(new Error('lost'));
        const resume = tale.call('q', 'q', 'queue.switch', { paused: false });
        tale.note('server', 'q', 'queue.paused', { paused: true });
        tale.note('server', 'q', 'queue.paused', { paused: false });
        resume.ok(null);
        remaining(tale);
      },
    ],
    [
      'Paused as said - by a call that was given up, after a later one was answered - fail',
      ['queue: paused as said'],
      (tale) => {
        tale.call('p', 'q', 'queue.switch', { paused: true }).unknown(new Error('lost'));
        tale.did('p', 'q', 'queue.switch', { paused: false }, null);
        tale.note('server', 'q', 'queue.paused', { paused: true });
        remaining(tale);
      },
    ],
    [
      'Paused as said - it is not - fail',
      ['queue: paused as said'],
      (tale) => {
        tale.did('p', 'q', 'queue.switch', { paused: true }, null);
        remaining(tale);
      },
    ],
    [
      'Groups end - one is left - fail',
      ['queue: groups end'],
      (tale) => tale.note('server', 'q', 'queue.groups', { keys: ['busy/g'] }),
    ],
    [
      'Progress - by a claim that is over - fail',
      ['queue: progress by the live claim'],
      (tale) => tale.note('server', 'q', 'queue.progress', { job: '1', claim: 5n, step: 1, live: 7n }),
    ],
    [
      'Progress - that falls back - fail',
      ['queue: progress by the live claim'],
      (tale) => {
        tale.note('server', 'q', 'queue.progress', { job: '1', claim: 5n, step: 2, live: 5n });
        tale.note('server', 'q', 'queue.progress', { job: '1', claim: 5n, step: 1, live: 5n });
      },
    ],
    [
      'In order - the second first - fail',
      ['queue: in order'],
      (tale) => {
        enqueued(tale, 'a', 2n);
        enqueued(tale, 'b', 3n);
        taken(tale, 'b', 4n);
        taken(tale, 'a', 5n);
        remaining(tale, 'a', 'b');
      },
    ],
    [
      'In order - a low priority before a high one that was there - fail',
      ['queue: in order'],
      (tale) => {
        enqueued(tale, 'low', 2n);
        enqueued(tale, 'high', 3n, { priority: 5 });
        taken(tale, 'low', 4n);
        taken(tale, 'high', 5n);
        remaining(tale, 'low', 'high');
      },
    ],
    [
      'In order - two overtaken, and only one take of unknown fate - fail',
      ['queue: in order'],
      (tale) => {
        for (const [i, item] of ['a', 'b', 'c'].entries()) enqueued(tale, item, BigInt(i + 2));
        tale.call('d', 'q', 'queue.take', null).unknown(new Error('lost'));
        for (const [i, item] of ['c', 'b', 'a'].entries()) taken(tale, item, BigInt(i + 6));
        remaining(tale, 'a', 'b', 'c');
      },
    ],
    [
      'No ack by an expired claim - the item was given to another - fail',
      ['queue: no ack by an expired claim'],
      (tale) => {
        enqueued(tale, 'a', 2n);
        taken(tale, 'a', 3n, 'c');
        taken(tale, 'a', 5n, 'd');
        acked(tale, 'a', 3n, 'c');
      },
    ],
    [
      'No ack by an expired claim - its lease had ended - fail',
      ['queue: no ack by an expired claim'],
      (tale) => {
        enqueued(tale, 'a', 2n);
        taken(tale, 'a', 3n, 'c', 7n);
        tale.note('server', 'kv', 'lease.ended', { lease: 7n, cause: 'expired' });
        acked(tale, 'a', 3n, 'c');
      },
    ],
    [
      'No ack by an expired claim - its lease had ended, and another one later - fail',
      ['queue: no ack by an expired claim'],
      (tale) => {
        tale.note('server', 'kv', 'lease.granted', { lease: 7n, ttlMs: 2000 });
        enqueued(tale, 'a', 2n);
        taken(tale, 'a', 3n, 'c', 7n);
        tale.note('server', 'kv', 'lease.ended', { lease: 7n, cause: 'expired' });
        tale.note('server', 'kv', 'lease.granted', { lease: 8n, ttlMs: 2000 });
        acked(tale, 'a', 3n, 'c');
      },
    ],
    [
      'Own claim - of another process - fail',
      ['queue: own claim'],
      (tale) => {
        enqueued(tale, 'a', 2n);
        taken(tale, 'a', 3n, 'c');
        acked(tale, 'a', 3n, 'd');
      },
    ],
    [
      'Done once - acknowledged twice - fail',
      ['queue: done once'],
      (tale) => {
        enqueued(tale, 'a', 2n);
        taken(tale, 'a', 3n);
        acked(tale, 'a', 3n);
        acked(tale, 'a', 3n);
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(queue(tell(write)))).toEqual(broken));

  it('Nothing lost - what remains was not recorded - undecided', () => {
    expect(verdicts(queue(tell((tale) => enqueued(tale, 'a', 2n))))).toEqual(['undecided']);
  });

  const arbitrary = fc.record({ seed: fc.nat(), choice: fc.nat() });

  it('valid histories pass', () => {
    forAll(fc.nat(), (seed) => expect(queue(validQueue(seed))).toEqual([]));
  });

  it('an item that vanishes is caught', () => {
    forAll(arbitrary, ({ seed, choice }) => {
      const history = validQueue(seed);
      const acks = placesOf(history, (entry) => entry.type === 'invoke' && entry.op === 'queue.ack');
      const at = acks[choice % Math.max(1, acks.length)];
      only(at !== undefined);
      expect(rules(queue(without(without(history, at), at)))).toEqual(['queue: nothing lost']);
    });
  });

  it('two first deliveries that change places are caught', () => {
    forAll(arbitrary, ({ seed, choice }) => {
      const history = validQueue(seed);
      const takes = firstTakes(history);
      only(takes.length > 1);
      const i = choice % (takes.length - 1);
      const [at, next] = [takes[i] as number, takes[i + 1] as number];
      const [ours, theirs] = [itemAt(history, at), itemAt(history, next)];
      // The two items change places wherever they are named by consumers.
      const swapped = history.map((entry) =>
        renamed(
          entry,
          new Map([
            [ours, theirs],
            [theirs, ours],
          ]),
        ),
      );
      expect(rules(queue(swapped))).toContain('queue: in order');
    });
  });

  it('a delivery of what is done is caught', () => {
    forAll(arbitrary, ({ seed, choice }) => {
      const history = validQueue(seed);
      const acks = placesOf(history, (entry) => entry.type === 'ok' && opOf(history, entry) === 'queue.ack');
      const at = acks[choice % Math.max(1, acks.length)];
      only(at !== undefined);
      const { item } = (history[callOf(history, at)] as { input: unknown }).input as { item: string };
      const again = tell((tale) => tale.did('z', 'q', 'queue.take', null, { item, claim: 9999n }));
      expect(rules(queue([...history, ...again]))).toEqual(['queue: done stays done']);
    });
  });
});

/** Items come in, are taken in order, and are done, given back, or lost with their consumer and taken again. */
function validQueue(seed: number): History {
  const random = new Prng(seed);
  const tale = new Tale();
  const waiting: string[] = [];
  let [revision, items, consumers] = [1n, 0, 0];
  for (let step = 0; step < 30; step++) {
    if (random.chance(0.5)) {
      const item = `i${items++}`;
      enqueued(tale, item, ++revision);
      waiting.push(item);
      continue;
    }
    const item = waiting.shift();
    if (item === undefined) continue;
    const process = `c${consumers++}`;
    const claim = ++revision;
    taken(tale, item, claim, process);
    const fate = random.below(3);
    if (fate === 0) acked(tale, item, claim, process);
    else waiting.unshift(item);
    if (fate === 1) tale.note(process, 'run', 'crash', null);
    if (fate === 2) tale.did(process, 'q', 'queue.nack', { item, claim }, null);
  }
  remaining(tale, ...waiting);
  return tale.history;
}

function opOf(history: History, end: Entry): string | undefined {
  const call = history[callOf(history, history.indexOf(end))];
  return call?.type === 'invoke' ? call.op : undefined;
}

function itemAt(history: History, at: number): string {
  return (history[at] as unknown as { output: { item: string } }).output.item;
}

/** Where each item was delivered for the first time. */
function firstTakes(history: History): number[] {
  const seen = new Set<string>();
  return placesOf(history, (entry) => entry.type === 'ok' && opOf(history, entry) === 'queue.take').filter((at) => {
    const item = itemAt(history, at);
    const isFirst = !seen.has(item);
    seen.add(item);
    return isFirst;
  });
}

function renamed(entry: Entry, names: ReadonlyMap<string, string>): Entry {
  const rename = <T extends object>(data: T): T => {
    const { item } = data as { item?: string };
    return item === undefined ? data : { ...data, item: names.get(item) ?? item };
  };
  if (entry.type === 'ok' && entry.output !== null)
    return { ...entry, output: rename(entry.output as object) } as Entry;
  if (entry.type === 'invoke' && entry.op !== 'queue.enqueue' && entry.input !== null) {
    return { ...entry, input: rename(entry.input as object) } as Entry;
  }
  return entry;
}
