import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FencedLockOp, fencedLockModel } from '../../../src/sim/checkers/models/fenced-lock.js';
import { type MutexOp, mutexModel } from '../../../src/sim/checkers/models/mutex.js';
import { type QueueOp, queueModel } from '../../../src/sim/checkers/models/queue.js';
import { type RegisterOp, registerModel } from '../../../src/sim/checkers/models/register.js';
import { type SemaphoreOp, semaphoreModel } from '../../../src/sim/checkers/models/semaphore.js';
import { type Model, type Timed, wgl } from '../../../src/sim/checkers/wgl.js';
import { Prng } from '../../../src/sim/prng.js';
import { forAll, only } from './support/for-all.js';
import { registerTraffic } from './support/register-traffic.js';
import { verdicts } from './support/tale.js';

const open = Number.POSITIVE_INFINITY;

/** Each operation with the positions of its call and its end. */
function timed<Op>(...operations: (readonly [op: Op, from: number, to: number])[]): Timed<Op>[] {
  return operations.map(([op, from, to]) => ({ part: 'x', op, from, to, entries: [] }));
}

function judge<State, Op>(model: Model<State, Op>, ...operations: (readonly [op: Op, from: number, to: number])[]) {
  return verdicts(wgl(timed(...operations), model));
}

const write = (value: string): RegisterOp => ({ op: 'write', value });
const read = (got: string | null): RegisterOp => ({ op: 'read', got });
const cas = (expected: string | null, value: string, got?: boolean): RegisterOp => ({
  op: 'cas',
  expected,
  value,
  got,
});

describe('wgl, registers', () => {
  it.each<[string, string[], (readonly [op: RegisterOp, from: number, to: number])[]]>([
    ['Linearizable - nothing at all - pass', [], []],
    [
      'Linearizable - in sequence - pass',
      [],
      [
        [read(null), 0, 1],
        [write('1'), 2, 3],
        [read('1'), 4, 5],
      ],
    ],
    [
      'Linearizable - a read beside a write sees either - pass',
      [],
      [
        [write('1'), 0, 9],
        [read('1'), 1, 2],
        [read('1'), 3, 4],
      ],
    ],
    [
      'Linearizable - a write of unknown fate that came late - pass',
      [],
      [
        [write('1'), 0, open],
        [read(null), 1, 2],
        [read('1'), 3, 4],
      ],
    ],
    [
      'Linearizable - a write of unknown fate that never came - pass',
      [],
      [
        [write('1'), 0, open],
        [read(null), 1, 2],
      ],
    ],
    [
      'Linearizable - compare and set, one of two - pass',
      [],
      [
        [cas(null, '1', true), 0, 5],
        [cas(null, '2', false), 1, 4],
        [read('1'), 6, 7],
      ],
    ],
    [
      'Linearizable - a read goes back - fail',
      ['broken'],
      [
        [write('1'), 0, 9],
        [read('1'), 1, 2],
        [read(null), 3, 4],
      ],
    ],
    [
      'Linearizable - stale after the write has ended - fail',
      ['broken'],
      [
        [write('1'), 0, 1],
        [read(null), 2, 3],
      ],
    ],
    [
      'Linearizable - both compare and set win - fail',
      ['broken'],
      [
        [cas(null, '1', true), 0, 5],
        [cas(null, '2', true), 1, 4],
      ],
    ],
    [
      'Linearizable - a value from nowhere - fail',
      ['broken'],
      [
        [write('1'), 0, open],
        [read('2'), 1, 2],
      ],
    ],
    [
      'Linearizable - one write of unknown fate, seen twice over another - fail',
      ['broken'],
      [
        [write('1'), 0, open],
        [read('1'), 1, 2],
        [write('2'), 3, 4],
        [read('2'), 5, 6],
        [read('1'), 7, 8],
      ],
    ],
  ])('%s', (_, verdict, operations) => expect(judge(registerModel, ...operations)).toEqual(verdict));

  it('judges each part alone', () => {
    const parts = ['a', 'b'].flatMap((part) =>
      timed([write(part), 0, 1], [read(part), 2, 3]).map((each) => ({ ...each, part })),
    );
    expect(wgl(parts, registerModel)).toEqual([]);
  });

  it('says so when it gives up', () => {
    const { operations } = registerTraffic({ seed: 1, operations: 400, clients: 32 });
    expect(verdicts(wgl(operations, registerModel, { stepsMax: 300 }))).toEqual(['undecided']);
  });

  it('names the operations at which it is stuck', () => {
    const entry = { type: 'note', process: 'a', object: 'x', fact: 'y', data: null, atMs: 1 } as const;
    const stale = { part: 'x', op: read(null), from: 2, to: 3, entries: [entry] };
    expect(wgl([...timed([write('1'), 0, 1]), stale], registerModel)[0]?.entries).toEqual([entry]);
  });
});

describe('wgl, other models', () => {
  const acquire = (process: string): MutexOp => ({ op: 'acquire', process });
  const release = (process: string): MutexOp => ({ op: 'release', process });
  const took = (fence: bigint): FencedLockOp => ({ op: 'acquire', fence });
  const ended = (fence: bigint): FencedLockOp => ({ op: 'end', fence });
  const enqueue = (item: string): QueueOp => ({ op: 'enqueue', item });
  const dequeue = (item?: string | null): QueueOp => ({ op: 'dequeue', item });
  const take = (permits: number): SemaphoreOp => ({ op: 'acquire', permits });
  const give = (permits: number): SemaphoreOp => ({ op: 'release', permits });

  it('Mutex - handed over - pass', () => {
    expect(judge(mutexModel, [acquire('a'), 0, 1], [acquire('b'), 2, 9], [release('a'), 3, 10])).toEqual([]);
  });

  it('Mutex - two holders - fail', () => {
    expect(judge(mutexModel, [acquire('a'), 0, 1], [acquire('b'), 2, 3], [release('a'), 4, 5])).toEqual(['broken']);
  });

  it('Mutex - released by another - fail', () => {
    expect(judge(mutexModel, [acquire('a'), 0, 1], [release('b'), 2, 3])).toEqual(['broken']);
  });

  it('Fenced lock - lost, then the next - pass', () => {
    expect(judge(fencedLockModel, [took(2n), 0, 1], [ended(2n), 2, open], [took(3n), 3, 4])).toEqual([]);
  });

  it('Fenced lock - a lower fence later - fail', () => {
    expect(judge(fencedLockModel, [took(3n), 0, 1], [ended(3n), 2, 3], [took(2n), 4, 5])).toEqual(['broken']);
  });

  it('Semaphore - full - pass', () => {
    expect(judge(semaphoreModel(2), [take(1), 0, 1], [take(1), 2, 3], [give(1), 4, 9], [take(1), 5, 6])).toEqual([]);
  });

  it('Semaphore - one too many - fail', () => {
    expect(judge(semaphoreModel(2), [take(1), 0, 1], [take(2), 2, 3])).toEqual(['broken']);
  });

  it('Queue - first in, first out - pass', () => {
    expect(
      judge(queueModel, [enqueue('1'), 0, 3], [enqueue('2'), 1, 2], [dequeue('2'), 4, 5], [dequeue('1'), 6, 7]),
    ).toEqual([]);
  });

  it('Queue - one that nobody was told it took - pass', () => {
    expect(judge(queueModel, [enqueue('1'), 0, 1], [dequeue(), 2, open], [dequeue(null), 3, 4])).toEqual([]);
  });

  it('Queue - out of order - fail', () => {
    expect(judge(queueModel, [enqueue('1'), 0, 1], [enqueue('2'), 2, 3], [dequeue('2'), 4, 5])).toEqual(['broken']);
  });

  it('Queue - empty, and it was not - fail', () => {
    expect(judge(queueModel, [enqueue('1'), 0, 1], [dequeue(null), 2, 3])).toEqual(['broken']);
  });

  it('Queue - one item twice - fail', () => {
    expect(judge(queueModel, [enqueue('1'), 0, 1], [dequeue('1'), 2, 3], [dequeue('1'), 4, 5])).toEqual(['broken']);
  });
});

describe('wgl, generated', () => {
  const traffic = fc.record({
    seed: fc.nat(),
    operations: fc.integer({ min: 1, max: 60 }),
    clients: fc.integer({ min: 1, max: 6 }),
    lostPercent: fc.constantFrom(0, 10),
  });

  it('what a register does passes', () => {
    forAll(traffic, (options) => expect(wgl(registerTraffic(options).operations, registerModel)).toEqual([]));
  });

  it('a value that was never written is caught', () => {
    forAll(fc.record({ traffic, choice: fc.nat() }), (given) => {
      // With writes of unknown fate it takes exponential time to be sure.
      const { operations } = registerTraffic({ ...given.traffic, lostPercent: 0 });
      const reads = operations.filter(({ op }) => op.op === 'read');
      only(reads.length > 0);
      const wrong = reads[given.choice % reads.length];
      const history = operations.map((each) => (each === wrong ? { ...each, op: read('never') } : each));
      expect(verdicts(wgl(history, registerModel))).toEqual(['broken']);
    });
  });

  it('agrees with a search through every order, on small histories', () => {
    forAll(
      fc.nat(),
      (seed) => {
        const random = new Prng(seed);
        const operations = Array.from({ length: 5 }, (_, i): Timed<RegisterOp> => {
          const from = random.below(10) + i / 10;
          const to = random.chance(0.2) ? open : from + 0.05 + random.below(6);
          const op = random.chance(0.5) ? write(`${random.below(2)}`) : read(random.pick([null, '0', '1']));
          return { part: 'x', op, from, to: op.op === 'read' && to === open ? from + 3.01 : to, entries: [] };
        });
        expect(wgl(operations, registerModel).length === 0).toBe(explained(operations, null));
      },
      2000,
    );
  });
});

/** The definition itself, tried out: some order of all that ended, and of some that did not. */
function explained(rest: readonly Timed<RegisterOp>[], value: string | null): boolean {
  if (rest.every(({ to }) => to === open)) return true;
  return rest.some((first) => {
    if (rest.some(({ to }) => to < first.from)) return false;
    const others = rest.filter((each) => each !== first);
    return registerModel.step(value, first.op).some((next) => explained(others, next));
  });
}
