import { describe, expect, it } from 'vitest';
import type { WaitOptions } from '../../src/core/abort.js';
import { utf8Text } from '../../src/core/bytes.js';
import { type Client, errorOf, inWorld, type SimWorld } from '../support/sim-world.js';

const stop = new Error('stop');
const ttlMs = 60_000;

const keysIn = async (world: SimWorld) => (await world.keys()).map(({ key }) => utf8Text(key));

describe('giving up', () => {
  it('BARRIER-5: an abort, a timeout and a refusal leave nothing behind', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const aborts = new AbortController();
      const { signal } = aborts;
      const waits = [
        conclave.doubleBarrier('d', { parties: 2 }).enter({ signal }),
        conclave.cyclicBarrier('c', { parties: 3 }).wait({ signal }),
        conclave.countDownLatch('l', { count: 1 }).wait({ signal }),
      ].map(errorOf);
      await world.advance(50);
      expect(await keysIn(world)).toHaveLength(2);
      aborts.abort(stop);
      for (const wait of waits) expect(await world.until(wait)).toBe(stop);
      expect(await keysIn(world)).toEqual([]);
      const late = conclave.cyclicBarrier('c', { parties: 2 }).wait({ timeoutMs: 20 });
      const message = 'cyclic barrier c: not done within 20 ms';
      expect(await world.until(errorOf(late))).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown', message });
      expect(await keysIn(world)).toEqual([]);
    }));

  it('BARRIER-3: who has given up is not counted when the next one comes', () =>
    inWorld(async (world) => {
      const [a, b, c] = [0, 1, 2].map(() => world.client({ ttlMs }).conclave.cyclicBarrier('c', { parties: 2 }));
      const aborts = new AbortController();
      const first = errorOf(a?.wait({ signal: aborts.signal }) as Promise<number>);
      await world.advance(10);
      aborts.abort(stop);
      expect(await world.until(first)).toBe(stop);
      const second = b?.wait() as Promise<number>;
      await world.advance(1_000);
      expect(await keysIn(world)).toHaveLength(1);
      expect(await world.until(Promise.all([second, c?.wait()]))).toEqual([0, 1]);
    }));
});

describe('a call whose time is up while the store does not answer', () => {
  const waits: [string, number, (conclave: Client['conclave'], options: WaitOptions) => Promise<unknown>, string][] = [
    ['lift', 0, (conclave, options) => conclave.barrier('b').lift(options), 'not-applied'],
    ['lift', 1, (conclave, options) => conclave.barrier('b').lift(options), 'unknown'],
    ['raise', 1, (conclave, options) => conclave.barrier('c').raise(options), 'unknown'],
    ['wait', 0, (conclave, options) => conclave.barrier('b').wait(options), 'not-applied'],
    ['left', 0, (conclave, options) => conclave.countDownLatch('l', { count: 2 }).left(options), 'not-applied'],
    ['delete', 1, (conclave, options) => conclave.countDownLatch('l', { count: 2 }).delete(options), 'unknown'],
    ['countDown', 1, (conclave, options) => conclave.countDownLatch('l', { count: 2 }).countDown(options), 'unknown'],
    ['meet', 1, (conclave, options) => conclave.cyclicBarrier('m', { parties: 2 }).wait(options), 'unknown'],
  ];

  it.each(waits)('BARRIER-5: %s ends in a moment, at request %i', (_, skip, call, outcome) =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      const other = world.client({ ttlMs }).conclave;
      await world.until(other.barrier('b').raise());
      await world.until(other.countDownLatch('l', { count: 2 }).countDown());
      await world.until(conclave.session.open());
      store.partitionAt((name) => name === 'txn' || name === 'range', skip);
      const startMs = world.sim.monotonicMs();
      expect(await world.until(errorOf(call(conclave, { timeoutMs: 100 })))).toMatchObject({
        code: 'TIMEOUT',
        outcome,
      });
      // What a party has made is taken away meanwhile, if that can be.
      expect(world.sim.monotonicMs() - startMs).toBeLessThanOrEqual(100 + 1_000);
      store.heal();
      await world.until(other.barrier('b').lift());
      await world.until(other.countDownLatch('l', { count: 2 }).delete());
      await world.advance(20_000);
    }),
  );
});

it('BARRIER-1, BARRIER-3: one whose name goes on where another one’s folders are is one of its own', () =>
  inWorld(async (world) => {
    const { conclave } = world.client({ ttlMs });
    const timeoutMs = 1_000;
    const rounds = ['c', 'c/parties', 'c%2Fparties'].map((name) =>
      errorOf(conclave.cyclicBarrier(name, { parties: 2 }).wait({ timeoutMs })),
    );
    for (const each of rounds) expect(await world.until(each)).toMatchObject({ code: 'TIMEOUT' });
    const [outer, inner] = ['l', 'l/downs'].map((name) => conclave.countDownLatch(name, { count: 2 }));
    expect(await world.until(inner?.countDown() as Promise<number>)).toBe(1);
    expect(await world.until(outer?.left() as Promise<number>)).toBe(2);
    expect(await world.until(inner?.delete() as Promise<boolean>)).toBe(true);
    expect(await world.until(conclave.barrier('b/raisers').raise())).toBe(true);
    await world.until(conclave.barrier('b').wait({ timeoutMs }));
    expect(await world.until(conclave.barrier('b/raisers').lift())).toBe(true);
    expect(await keysIn(world)).toEqual([]);
  }));

describe('a party that is lost', () => {
  it('BARRIER-8: waiting parties do not count it, and its own wait rejects', () =>
    inWorld(async (world) => {
      const [lost, other, third] = [2_000, ttlMs, ttlMs].map((each) => world.client({ ttlMs: each }));
      const waiting = errorOf(lost?.conclave.doubleBarrier('d', { parties: 2 }).enter() as Promise<void>);
      await world.advance(10);
      lost?.store.partition();
      expect(await world.until(waiting)).toMatchObject({ code: 'SESSION_LOST' });
      await world.expire();
      const entered = other?.conclave.doubleBarrier('d', { parties: 2 }).enter();
      await world.advance(1_000);
      await world.until(Promise.all([entered, third?.conclave.doubleBarrier('d', { parties: 2 }).enter()]));
      lost?.store.heal();
    }));
});

describe('counting requests', () => {
  it('BARRIER-9: two round trips to arrive, one more for the last; one watch while it waits', () =>
    inWorld(async (world) => {
      const clients = Array.from({ length: 8 }, () => world.client({ ttlMs }));
      await world.until(Promise.all(clients.map(({ conclave }) => conclave.session.open())));
      const before = clients.map(({ store }) => store.total);
      const spent = () => clients.map(({ store }, i) => store.total - (before[i] as number));
      const waits = clients.slice(0, 7).map(async ({ conclave }) => conclave.cyclicBarrier('c', { parties: 8 }).wait());
      await world.advance(100);
      // One to make the key, one to say that it waits, a watch, and one look when that stands.
      expect(spent().slice(0, 7)).toEqual([4, 4, 4, 4, 4, 4, 4]);
      expect(clients.map(({ store }) => store.openWatches)).toEqual([1, 1, 1, 1, 1, 1, 1, 0]);
      const last = clients[7]?.conclave.cyclicBarrier('c', { parties: 8 }).wait();
      const places = await world.until(Promise.all([...waits, last]));
      expect(places.sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      // One look more for who waited, and one to take the key away; the last one writes for all.
      expect(spent()).toEqual([6, 6, 6, 6, 6, 6, 6, 4]);
    }));

  it('BARRIER-9: as many keys are ever made as there are parties, however many rounds they meet in', () =>
    inWorld(async (world) => {
      const clients = Array.from({ length: 3 }, () => world.client({ ttlMs }));
      for (let round = 0; round < 4; round++) {
        const cyclic = clients.map(({ conclave }) => conclave.cyclicBarrier('c', { parties: 3 }).wait());
        const double = clients.map(async ({ conclave }) => {
          const barrier = conclave.doubleBarrier('d', { parties: 3 });
          await barrier.enter();
          await barrier.leave();
        });
        await world.until(Promise.all([...cyclic, ...double]));
      }
      expect(world.keysEverMade().size).toBe(6);
    }));

  it('BARRIER-9: a barrier that is open costs one round trip and no watch, a latch the same', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      await world.until(conclave.session.open());
      const before = store.total;
      await world.until(conclave.barrier('b').wait());
      expect([store.total - before, store.openWatches]).toEqual([1, 0]);
      const latch = conclave.countDownLatch('l', { count: 1 });
      await world.until(latch.countDown());
      expect(store.total - before).toBe(3);
      await world.until(latch.wait());
      expect(store.total - before).toBe(4);
      await world.until(latch.delete());
    }));

  it('BARRIER-9: to raise, to lift, to wait at a closed one, to enter and leave, to count', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      await world.until(Promise.all([a, b].map(({ conclave }) => conclave.session.open())));
      const cost = async ({ store }: typeof a, work: () => Promise<unknown>) => {
        const [before, keys] = [store.total - store.counts.watch, (await world.keys()).length];
        await world.until(work());
        return [store.total - store.counts.watch - before, (await world.keys()).length - keys];
      };
      const barrier = a.conclave.barrier('b');
      expect(await cost(a, () => barrier.raise())).toEqual([2, 2]);
      const [before, { watch }] = [b.store.total, { ...b.store.counts }];
      const waiting = b.conclave.barrier('b').wait();
      await world.advance(100);
      expect([b.store.total - before, b.store.counts.watch - watch, b.store.openWatches]).toEqual([3, 1, 1]);
      expect(await cost(a, () => barrier.lift())).toEqual([2, -2]);
      await world.until(waiting);
      expect([b.store.total - before, b.store.openWatches]).toEqual([4, 0]);
      const alone = a.conclave.doubleBarrier('d', { parties: 1 });
      expect(await cost(a, () => alone.enter())).toEqual([3, 1]);
      expect(await cost(a, () => alone.leave())).toEqual([1, -1]);
      const latch = a.conclave.countDownLatch('l', { count: 3 });
      expect(await cost(a, () => latch.countDown())).toEqual([2, 2]);
      expect(await cost(a, () => latch.countDown())).toEqual([2, 1]);
      expect(await cost(a, () => latch.left())).toEqual([1, 0]);
      expect(await cost(a, () => latch.delete())).toEqual([2, -3]);
    }));
});

describe('bad input', () => {
  it.each([0, -1, 1.5, Number.NaN, 101, 2 ** 60, '2'])('BARRIER-7: %s parties are refused', (parties) =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const given = { parties: parties as number };
      expect(() => conclave.doubleBarrier('d', given)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
      expect(() => conclave.cyclicBarrier('d', given)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    }),
  );

  it('BARRIER-7: a count below 1, an empty name, entering twice and leaving before are refused', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      expect(() => conclave.countDownLatch('l', { count: 0 })).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      );
      expect(() => conclave.barrier('')).toThrow(expect.objectContaining({ code: 'INVALID_NAME' }));
      const double = conclave.doubleBarrier('d', { parties: 1 });
      expect(await errorOf(double.leave())).toMatchObject({ code: 'FAILED_PRECONDITION' });
      await world.until(double.enter());
      expect(await errorOf(double.enter())).toMatchObject({ code: 'FAILED_PRECONDITION' });
      await world.until(double.leave());
      expect(await errorOf(double.leave())).toMatchObject({ code: 'FAILED_PRECONDITION' });
      await world.until(double.enter());
      await world.until(double.leave());
    }));
});
