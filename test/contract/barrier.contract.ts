import { describe, expect, it } from 'vitest';
import { prefixEnd, utf8, utf8Text } from '../../src/core/bytes.js';
import { Mirror } from '../../src/store/mirror.js';
import type { Backend, Opened } from '../support/backends.js';
import { errorOf } from '../support/sim-world.js';
import { recipesOfData } from './recipe-fixture.js';

/** Resolves when `count` parties below `path` have said that they wait. */
function arrived({ store, runtime, prefix }: Opened, path: string, count: number): Promise<void> {
  const key = utf8(prefix + path);
  return new Promise((resolve, reject) => {
    const mirror = new Mirror(
      store,
      runtime,
      { key, rangeEnd: prefixEnd(key) },
      {
        onChange: () => {
          if ([...mirror.items.values()].filter(({ value }) => value.length > 0).length !== count) return;
          queueMicrotask(() => stopMirror());
          resolve();
        },
        onEnd: reject,
      },
    );
    const stopMirror = mirror.start();
  });
}

/** What barriers promise, whatever they stand on. */
export function barrierContract(backend: Backend): void {
  describe('barriers', () => {
    // A latch keeps its counts, and a barrier stays closed when its raiser is lost.
    const start = recipesOfData(backend, ['barriers/', 'latches/']);
    const below = async ({ store, prefix }: Opened, path: string) => {
      const key = utf8(prefix + path);
      return (await store.range({ key, rangeEnd: prefixEnd(key) })).kvs;
    };

    it('BARRIER-1, BARRIER-5: a barrier lets nobody pass until it is lifted, and leaves nothing', async () => {
      const { opened, process } = await start();
      const [first, second] = [(await process()).barrier('b'), (await process()).barrier('b')];
      await second.wait();
      expect(await first.raise()).toBe(true);
      expect(await second.raise({ persistent: true })).toBe(false);
      expect(await errorOf(second.wait({ timeoutMs: 50 }))).toMatchObject({ code: 'TIMEOUT' });
      const waiting = second.wait();
      expect(await second.lift()).toBe(true);
      await waiting;
      expect(await first.lift()).toBe(false);
      expect(await below(opened, 'barriers/')).toEqual([]);
    });

    it('BARRIER-2: whoever waits is told when the raiser is lost, and another can take its place', async () => {
      const { opened, process } = await start();
      const [first, second] = [await process({ ttlMs: 60_000 }), await process()];
      await first.barrier('b').raise();
      const waiting = errorOf(second.barrier('b').wait());
      await opened.store.leaseRevoke({ id: first.session.leaseId });
      expect(await waiting).toMatchObject({ code: 'LOST' });
      expect(await errorOf(second.barrier('b').wait())).toMatchObject({ code: 'LOST' });
      expect(await second.barrier('b').raise()).toBe(true);
      const mine = second.barrier('b').wait();
      await second.barrier('b').lift();
      await mine;
    });

    it('BARRIER-3, BARRIER-4, BARRIER-5: a double barrier is entered and left together', async () => {
      const { opened, process, places } = await start();
      const parties = 3;
      const processes = [await process(), await process(), await process()];
      const all = processes.map((each) => each.doubleBarrier('d', { parties }));
      const order: string[] = [];
      const entering = all.slice(0, 2).map((each) => each.enter().then(() => order.push('entered')));
      await arrived(opened, 'double-barriers/d/parties/', 2);
      order.push('last comes');
      await all[2]?.enter();
      await Promise.all(entering);
      const leaving = all.slice(0, 2).map((each) => each.leave().then(() => order.push('left')));
      await places('double-barriers/d/parties/', 1);
      order.push('last goes');
      await all[2]?.leave();
      await Promise.all(leaving);
      expect(order).toEqual(['last comes', 'entered', 'entered', 'last goes', 'left', 'left']);
      expect(await below(opened, 'double-barriers/')).toEqual([]);
    });

    it('BARRIER-4, BARRIER-8: a party whose lease is gone holds nobody back, and is told', async () => {
      const { opened, process } = await start();
      const [first, second] = [await process({ ttlMs: 60_000 }), await process()];
      const [lost, other] = [first.doubleBarrier('d', { parties: 2 }), second.doubleBarrier('d', { parties: 2 })];
      await Promise.all([lost.enter(), other.enter()]);
      const leaving = other.leave();
      await opened.store.leaseRevoke({ id: first.session.leaseId });
      await leaving;
      await first.session.verify();
      expect(await errorOf(lost.leave())).toMatchObject({ code: 'SESSION_LOST' });
    });

    it('BARRIER-3, BARRIER-5, BARRIER-7: a cyclic barrier turns, and counts that differ are told', async () => {
      const { opened, process } = await start();
      const [first, second] = [await process(), await process()];
      const parties = { parties: 2 };
      for (let round = 0; round < 2; round++) {
        const met = await Promise.all([first, second].map((each) => each.cyclicBarrier('c', parties).wait()));
        expect(met.sort()).toEqual([0, 1]);
      }
      const waiting = first.cyclicBarrier('c', parties).wait();
      await arrived(opened, 'cyclic-barriers/c/parties/', 1);
      const other = second.cyclicBarrier('c', { parties: 3 }).wait();
      expect(await errorOf(other)).toMatchObject({ code: 'MISMATCH', outcome: 'not-applied' });
      await second.cyclicBarrier('c', parties).wait();
      await waiting;
      expect(await below(opened, 'cyclic-barriers/')).toEqual([]);
    });

    it('BARRIER-5, BARRIER-7, BARRIER-9: a latch opens at its count, which all agree on', async () => {
      const { opened, process } = await start();
      const [first, second] = [await process(), await process()];
      const latch = first.countDownLatch('l', { count: 2 });
      const waiting = second.countDownLatch('l', { count: 2 }).wait();
      expect(await latch.countDown()).toBe(1);
      expect(await errorOf(second.countDownLatch('l', { count: 3 }).countDown())).toMatchObject({ code: 'MISMATCH' });
      expect(await errorOf(second.countDownLatch('l', { count: 3 }).wait())).toMatchObject({ code: 'MISMATCH' });
      // Counted by a process that is gone by now.
      const dying = await process({ ttlMs: 60_000 });
      expect(await dying.countDownLatch('l', { count: 2 }).countDown()).toBe(0);
      await opened.store.leaseRevoke({ id: dying.session.leaseId });
      await waiting;
      expect(await latch.countDown()).toBe(0);
      expect((await below(opened, 'latches/l/')).map(({ key }) => utf8Text(key).replace(/\/[^/]*$/, ''))).toEqual([
        `${opened.prefix}latches/l`,
        `${opened.prefix}latches/l/downs`,
        `${opened.prefix}latches/l/downs`,
      ]);
      expect([await latch.delete(), await latch.delete()]).toEqual([true, false]);
      expect(await below(opened, 'latches/')).toEqual([]);
    });
  });
}
