import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import type { PartitionOptions } from '../../src/group/division.js';
import type { ItemWork, Share, ShareOptions } from '../../src/group/share.js';
import type { Held } from '../../src/line/held.js';
import { type Client, errorOf, inWorld, type SimWorld } from '../support/sim-world.js';
import { nextUncaught } from '../support/uncaught.js';

const items = Array.from({ length: 12 }, (_, i) => `shard/${i}`);
const ttlMs = 5_000;

interface Joining extends ShareOptions {
  readonly work?: ItemWork;
  readonly of?: PartitionOptions;
}

function join(world: SimWorld, { conclave }: Client, options: Joining = {}): Promise<Share> {
  const { work, of = { items }, ...rest } = options;
  return world.until(conclave.partition('jobs', of).join({ settleMs: 200, ...rest }, work));
}

function names(share: Share): string[] {
  return share.held.map(({ name }) => name);
}

function counts(...shares: readonly Share[]): number[] {
  return shares.map(({ held }) => held.length);
}

/** Every item with exactly one of them. */
function whole(...shares: readonly Share[]): boolean {
  return shares.flatMap(names).sort().join() === [...items].sort().join();
}

/** Work that notes when it begins and ends, and cries when two are at the same item. */
function watchful() {
  const at = new Set<string>();
  const log: string[] = [];
  const work = (stopMs: number, world: SimWorld) => async (held: Held) => {
    if (at.has(held.name)) log.push(`two at ${held.name}`);
    at.add(held.name);
    await new Promise<void>((resolve) => held.signal.addEventListener('abort', () => resolve()));
    if (stopMs > 0) await new Promise<void>((resolve) => world.sim.setTimer(stopMs, resolve));
    if (!held.held) log.push(`late at ${held.name}`);
    at.delete(held.name);
  };
  return { at, log, work };
}

describe('a partition', () => {
  it('PARTITION-1: of a nested name is a partition of its own', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const inner = await world.until(conclave.partition('p/items', { items: ['a'] }).join({ settleMs: 200 }));
      const outer = await world.until(conclave.partition('p', { items: ['members', 'x'] }).join({ settleMs: 200 }));
      await world.advance(3_000);
      expect([names(inner), names(outer).sort()]).toEqual([['a'], ['members', 'x']]);
      await world.until(Promise.all([inner.leave(), outer.leave()]));
    }));

  it('PARTITION-1, PARTITION-4: divides all items evenly, and again when members come and go', () =>
    inWorld(async (world) => {
      const [a, b, c] = [world.client(), world.client(), world.client()];
      const { log, work } = watchful();
      const one = await join(world, a, { id: 'a', work: work(50, world) });
      await world.advance(1_000);
      expect(counts(one)).toEqual([12]);
      const [two, three] = await Promise.all([join(world, b, { work: work(0, world) }), join(world, c)]);
      await world.advance(2_000);
      expect(counts(one, two, three)).toEqual([4, 4, 4]);
      expect(whole(one, two, three)).toBe(true);
      expect([one.settled, two.settled, three.settled]).toEqual([true, true, true]);
      const shown = await world.until(a.conclave.partition('jobs', { items }).inspect());
      expect(shown.members.map(({ id }) => id)).toEqual(['a', two.id, three.id]);
      expect(shown.items.filter(({ member }) => member === 'a').map(({ item }) => item)).toEqual(names(one));
      expect(shown.items.every(({ fence }) => (fence ?? 0n) > 0n)).toBe(true);
      const before = names(two);
      await world.until(one.leave());
      await world.advance(2_000);
      expect(counts(one, two, three)).toEqual([0, 6, 6]);
      expect(names(two)).toEqual(expect.arrayContaining(before));
      expect(log).toEqual([]);
    }));

  it('PARTITION-1: whatever a listener throws, items are held, and handed over', () =>
    inWorld(async (world) => {
      const of = { items: ['a'] };
      const share = await join(world, world.client(), { of });
      share.events.on('acquired', () => {
        throw new Error('mine');
      });
      const uncaught = nextUncaught();
      await world.advance(1_000);
      expect(await uncaught).toMatchObject({ message: 'mine' });
      expect(names(share)).toEqual(['a']);
      await world.until(share.leave());
    }));

  it('PARTITION-2: the work on an item has ended before another member gets it', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const { at, log, work } = watchful();
      const one = await join(world, a, { work: work(30_000, world) });
      await world.advance(1_000);
      const two = await join(world, b, { work: work(0, world) });
      await world.advance(10_000);
      // Told to stop, and still at it.
      expect([counts(one, two), at.size]).toEqual([[6, 0], 12]);
      await world.advance(30_000);
      expect([counts(one, two), at.size]).toEqual([[6, 6], 12]);
      await world.until(one.leave());
      expect([at.size, log]).toEqual([6, []]);
    }));

  it('PARTITION-3: a member that is cut off has lost its items before the others have them', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const [one, two] = [await join(world, a), await join(world, b)];
      await world.advance(2_000);
      const fences = new Map(one.held.map(({ name, fence }) => [name, fence]));
      const lost: string[] = [];
      one.events.on('released', (item, error) => lost.push(`${item} ${error?.code}`));
      a.store.partition();
      const both: string[] = [];
      for (let i = 0; i < 400; i++) {
        await world.advance(50);
        both.push(...names(one).filter((item) => names(two).includes(item)));
      }
      expect(both).toEqual([]);
      expect([counts(one, two), one.settled]).toEqual([[0, 12], false]);
      expect(lost).toEqual([...fences.keys()].map((item) => `${item} SESSION_LOST`));
      const later = two.held.filter(({ name }) => fences.has(name));
      expect(later.every(({ name, fence }) => fence > (fences.get(name) as bigint))).toBe(true);
      a.store.heal();
      await world.advance(20_000);
      expect([counts(one, two), whole(one, two)]).toEqual([[6, 6], true]);
    }));

  it('PARTITION-5: a fleet that starts together divides once', () =>
    inWorld(async (world) => {
      const moved: string[] = [];
      const fleet: Share[] = [];
      for (let i = 0; i < 6; i++) {
        const share = await join(world, world.client());
        share.events.on('released', (item) => moved.push(item));
        fleet.push(share);
        await world.advance(100);
      }
      await world.advance(3_000);
      expect([counts(...fleet), moved]).toEqual([[2, 2, 2, 2, 2, 2], []]);
    }));

  it('PARTITION-6: a ring: each key falls to one slot, each slot to one member', () =>
    inWorld(async (world) => {
      const of = { ring: 16 };
      const [a, b] = [world.client(), world.client()];
      const [one, two] = [await join(world, a, { of }), await join(world, b, { of })];
      await world.advance(2_000);
      expect(counts(one, two)).toEqual([8, 8]);
      const slots = new Set<string>();
      for (let i = 0; i < 200; i++) {
        const holds = [one.holdFor(`user-${i}`), two.holdFor(`user-${i}`)].filter((each) => each !== undefined);
        expect(holds).toHaveLength(1);
        slots.add((holds[0] as Held).name);
        expect(a.conclave.partition('jobs', of).itemOf(`user-${i}`)).toBe(holds[0]?.name);
      }
      expect(slots.size).toBe(16);
    }));

  it('PARTITION-7: who divides otherwise than an older member is refused, and has taken nothing', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const one = await join(world, a, { of: { ring: 16 } });
      await world.advance(1_000);
      for (const of of [{ ring: 8 }, { items }]) {
        const two = await join(world, b, { of });
        const taken: string[] = [];
        two.events.on('acquired', ({ name }) => taken.push(name));
        await world.advance(2_000);
        expect([two.signal.reason, taken]).toEqual([expect.objectContaining({ code: 'MISMATCH' }), []]);
        await two.leave();
      }
      await world.advance(2_000);
      expect(counts(one)).toEqual([16]);
    }));

  it('PARTITION-8: run() ends with the signal, or with what work throws, when all work has ended', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const { at, log, work } = watchful();
      const stop = new AbortController();
      const running = errorOf(conclave.partition('jobs', { items }).run(work(500, world), { signal: stop.signal }));
      await world.advance(3_000);
      expect(at.size).toBe(12);
      stop.abort('enough');
      expect(await world.until(running)).toBe('enough');
      expect([at.size, log]).toEqual([0, []]);
      expect(await world.keys('partitions/')).toEqual([]);
      const bad = new Error('bad');
      const failing = conclave.partition('jobs', { items }).run(({ name }) => {
        if (name === 'shard/3') throw bad;
      });
      expect(await world.until(errorOf(failing))).toBe(bad);
      expect(await world.keys('partitions/')).toEqual([]);
    }));

  it('PARTITION-3: an item whose place was deleted is taken again, with a higher fence', () =>
    inWorld(async (world) => {
      const share = await join(world, world.client(), { of: { items: ['x'] } });
      await world.advance(2_000);
      const [before] = share.held;
      const guarded = async (held: Held | undefined) =>
        held !== undefined && (await world.truth.txn({ compare: [held.guard()] })).succeeded;
      expect(await guarded(before)).toBe(true);
      await world.truth.txn({ success: [{ type: 'deleteRange', request: { key: utf8(before?.key ?? '') } }] });
      await world.advance(2_000);
      const [after] = share.held;
      expect(after?.fence).toBeGreaterThan(before?.fence ?? 0n);
      expect([await guarded(before), await guarded(after)]).toEqual([false, true]);
    }));

  it.each([
    ...[{ items: [] }, { items: ['a', ''] }, { items: ['\ud800'] }, { ring: 0 }, { ring: 1.5 }],
    ...[{ items: ['a'], ring: 2 }, {} as never, undefined as never],
  ])('refuses %j', (options) =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      expect(() => conclave.partition('jobs', options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
      const joining = conclave.partition('jobs', { ring: 4 }).join({ settleMs: -1 });
      expect(await errorOf(joining)).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }),
  );
});
