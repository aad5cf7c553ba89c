import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import type { Wait } from '../../src/inspect/wait.js';
import { type ReadLine, waitForGraph } from '../../src/inspect/wait-for.js';
import { encodeHolder } from '../../src/line/holder.js';
import { mutexKind } from '../../src/line/line-kind.js';
import type { Place } from '../../src/line/place.js';
import { inWorld } from '../support/sim-world.js';

/** Lines by name with their parties in order: the first holds. */
type Sketch = readonly (readonly [line: string, parties: readonly string[]])[];

let revision = 1n;

function place(party: string): Place {
  revision += 1n;
  const value = encodeHolder({ host: party, pid: 1 }, 0);
  return { key: utf8(`k${revision}`), value, createRevision: revision, modRevision: revision, version: 1n, lease: 1n };
}

function read(sketch: Sketch): ReadLine[] {
  return sketch.map(([name, parties]) => ({ name, kind: mutexKind, places: parties.map(place) }));
}

/** By trying every way: the parties that can come back to themselves, going from waiters to holders. */
function inCircles(sketch: Sketch): Set<string> {
  const edges = sketch.flatMap(([, [holder, ...waiters]]) =>
    waiters.filter((waiter) => waiter !== holder).map((waiter) => [waiter, holder] as const),
  );
  const found = new Set<string>();
  const walk = (start: string, at: string, been: readonly string[]) => {
    for (const [from, to] of edges) {
      if (from !== at) continue;
      if (to === start) found.add(start);
      else if (to !== undefined && !been.includes(to)) walk(start, to, [...been, to]);
    }
  };
  for (const party of new Set(sketch.flatMap(([, parties]) => parties))) walk(party, party, [party]);
  return found;
}

const party = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const sketch: fc.Arbitrary<Sketch> = fc
  .array(fc.array(party, { minLength: 1, maxLength: 4 }), { maxLength: 7 })
  .map((lines) => lines.map((parties, i) => [`l${i}`, parties] as const));

function isCircle(circle: readonly Wait[]): boolean {
  return circle.every(({ waiter }, i) => waiter.party === circle.at(i - 1)?.holder.party);
}

describe('locks.graph', () => {
  it('INSPECT-6: finds exactly those who are in a circle, as trying every way does', () => {
    fc.assert(
      fc.property(sketch, (lines) => {
        const { deadlocks } = waitForGraph(read(lines));
        const found = deadlocks.flatMap(({ parties }) => parties).sort();
        expect(found).toEqual([...inCircles(lines)].map((each) => `${each}#1`).sort());
      }),
      { numRuns: 2_000 },
    );
  });

  it('INSPECT-6: tells a circle that there is, the shortest of its deadlock', () => {
    fc.assert(
      fc.property(sketch, (lines) => {
        const { waits, deadlocks } = waitForGraph(read(lines));
        for (const { parties, circle } of deadlocks) {
          expect(circle.length).toBeGreaterThan(1);
          expect(isCircle(circle)).toBe(true);
          expect(waits).toEqual(expect.arrayContaining([...circle]));
          // Whoever leaves one of a shorter circle out of the lines would break this one as well.
          const shorter = shortestByTrying(waits, parties);
          expect(circle.length).toBe(shorter);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('INSPECT-6: says in words who holds what and waits for what', () => {
    const { deadlocks, waits } = waitForGraph(
      read([
        ['a', ['ada', 'bob', 'eve']],
        ['b', ['bob', 'cleo']],
        ['c', ['cleo', 'ada']],
        ['d', ['dan', 'eve']],
      ]),
    );
    expect(deadlocks).toHaveLength(1);
    expect(deadlocks[0]?.parties).toEqual(['ada#1', 'bob#1', 'cleo#1']);
    expect(deadlocks[0]?.explanation.replace(/fence \d+/g, 'fence')).toBe(
      'ada#1 holds "a" (fence) and waits for "c"; cleo#1 holds "c" (fence) and waits for "b"; ' +
        'bob#1 holds "b" (fence) and waits for "a"',
    );
    expect(waits).toHaveLength(5);
  });

  it('INSPECT-6: tasks of one process that wait for each other are shown, and are no deadlock', () => {
    const { deadlocks, waits } = waitForGraph(
      read([
        ['a', ['ada', 'bob', 'ada']],
        ['b', ['bob', 'bob']],
      ]),
    );
    expect(waits).toHaveLength(3);
    expect(deadlocks).toEqual([]);
  });

  it('INSPECT-6: two deadlocks are two', () => {
    const { deadlocks } = waitForGraph(
      read([
        ['a', ['ada', 'bob']],
        ['b', ['bob', 'ada']],
        ['c', ['cleo', 'dan', 'ada']],
        ['d', ['dan', 'cleo']],
      ]),
    );
    expect(deadlocks.map(({ parties }) => parties)).toEqual([
      ['ada#1', 'bob#1'],
      ['cleo#1', 'dan#1'],
    ]);
  });

  it('INSPECT-6: 10,000 waiters behind a deadlock are no trouble', () => {
    const crowd = Array.from({ length: 10_000 }, (_, i) => `p${i}`);
    const { deadlocks, waits } = waitForGraph(
      read([
        ['a', ['ada', 'bob', ...crowd]],
        ['b', ['bob', 'ada']],
      ]),
    );
    expect(waits).toHaveLength(10_002);
    expect(deadlocks.map(({ parties }) => parties)).toEqual([['ada#1', 'bob#1']]);
  });

  it('INSPECT-6: a permit of a semaphore may come from any holder: stuck only if all of them are', () =>
    inWorld(async (world) => {
      const [a, b, c] = [world.client(), world.client(), world.client()];
      const [ofA, ofB, ofC] = [a, b, c].map(({ conclave }) => conclave.semaphore('s', { permits: 2 }));
      const held = await world.until(Promise.all([ofA?.acquire(), ofB?.acquire(), c.conclave.lock('x')]));
      const options = { timeoutMs: 20_000 };
      const given = [ofC?.acquire(options), a.conclave.lock('x', options)];
      const waiting: (Promise<unknown> | undefined)[] = given.map((each) => each?.catch(() => {}));
      await world.advance(100);
      const one = await world.until(a.conclave.locks.graph());
      expect(one.waits.map(({ line }) => line)).toEqual(['x', 's', 's']);
      expect(one.deadlocks).toEqual([]);
      waiting.push(b.conclave.lock('x', options).catch(() => {}));
      await world.advance(100);
      const two = await world.until(a.conclave.locks.graph());
      expect(two.deadlocks).toHaveLength(1);
      expect(two.deadlocks[0]?.parties).toHaveLength(3);
      expect(two.deadlocks[0]?.circle).toHaveLength(2);
      await world.until(Promise.all(waiting));
      for (const each of held) await world.until(each?.release() ?? Promise.resolve());
      await world.until(ofA?.delete() ?? Promise.resolve(true));
    }));

  it('INSPECT-6: a reader behind a writer waits for the readers before it as well', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const read = await world.until(a.conclave.rwLock('x').read());
      const y = await world.until(b.conclave.lock('y'));
      const options = { timeoutMs: 9_000 };
      const waiting: Promise<unknown>[] = [
        a.conclave
          .rwLock('x')
          .write({ timeoutMs: 9_000 })
          .catch(() => {}),
      ];
      await world.settle();
      waiting.push(
        b.conclave
          .rwLock('x')
          .read(options)
          .catch(() => {}),
      );
      await world.settle();
      expect((await world.until(a.conclave.locks.graph())).deadlocks).toEqual([]);
      waiting.push(a.conclave.lock('y', options).catch(() => {}));
      await world.settle();
      expect((await world.until(a.conclave.locks.graph())).deadlocks).toHaveLength(1);
      expect((await world.until(a.conclave.inspectLock('x'))).waiters.map(({ mode }) => mode)).toEqual([
        'write',
        'read',
      ]);
      await world.until(Promise.all(waiting));
      await world.until(Promise.all([read.release(), y.release()]));
    }));

  it('INSPECT-6: is read from the store at one revision, leases where places tell nothing', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const x = await world.until(a.conclave.lock('x'));
      const y = await world.until(b.conclave.lock('y'));
      const waiting = [a.conclave.lock('y', { timeoutMs: 5_000 }), b.conclave.lock('x', { timeoutMs: 9_000 })];
      await world.advance(100);
      const { deadlocks, waits } = await world.until(a.conclave.locks.graph());
      expect(waits.map(({ line }) => line)).toEqual(['x', 'y']);
      const parties = [x, y].map(({ leaseId }) => `lease ${leaseId.toString(16)}`).sort();
      expect(deadlocks).toMatchObject([{ parties }]);
      const given = await world.until(Promise.allSettled(waiting));
      expect(given.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      expect((await world.until(a.conclave.locks.graph())).deadlocks).toEqual([]);
    }));
});

function shortestByTrying(waits: readonly Wait[], parties: readonly string[]): number {
  const edges = waits.filter(({ waiter, holder }) => waiter.party !== holder.party);
  let shortest = Number.POSITIVE_INFINITY;
  const walk = (start: string, at: string, been: readonly string[]) => {
    for (const { waiter, holder } of edges) {
      if (waiter.party !== at) continue;
      if (holder.party === start) shortest = Math.min(shortest, been.length);
      else if (!been.includes(holder.party)) walk(start, holder.party, [...been, holder.party]);
    }
  };
  for (const each of parties) walk(each, each, [each]);
  return shortest;
}
