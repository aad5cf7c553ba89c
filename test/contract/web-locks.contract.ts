import { describe, expect, it } from 'vitest';
import { deferred } from '../../src/core/deferred.js';
import type { Backend } from '../support/backends.js';
import { errorOf } from '../support/sim-world.js';
import { recipes } from './recipe-fixture.js';

/** What web locks promise, whatever they stand on. */
export function webLocksContract(backend: Backend): void {
  describe('web locks', () => {
    const open = recipes(backend);

    it('WEBLOCKS-1, WEBLOCKS-2, WEBLOCKS-8: across processes, in order, shared together, as query shows', async () => {
      const { process } = await open();
      const [a, b] = [await process(), await process()];
      const end = deferred();
      const order: string[] = [];
      const hold = (name: string) => () => {
        order.push(name);
        return end.promise;
      };
      const readers = [a, b].map((each) => each.locks.request('x', { mode: 'shared' }, hold('reader')));
      await Promise.all([a.locks.query(), b.locks.query()]);
      const writer = a.locks.request('x', () => order.push('writer'));
      const { held, pending } = await a.locks.query();
      expect(held.map(({ mode }) => mode)).toEqual(['shared', 'shared']);
      expect(pending.map(({ mode }) => mode)).toEqual(['exclusive']);
      const late = b.locks.request('x', { mode: 'shared' }, () => order.push('late'));
      await b.locks.query();
      expect(await b.locks.request('x', { ifAvailable: true }, (lock) => lock)).toBeNull();
      end.resolve();
      await Promise.all([...readers, writer, late]);
      expect(order).toEqual(['reader', 'reader', 'writer', 'late']);
      expect(await a.locks.query()).toEqual({ held: [], pending: [] });
    });

    it('WEBLOCKS-4: steal breaks the holder, and those who wait get it afterwards', async () => {
      const { process } = await open();
      const [a, b, c] = [await process(), await process(), await process()];
      const [granted, never] = [deferred<bigint>(), deferred()];
      const first = errorOf(
        a.locks.request('x', (lock) => {
          granted.resolve(lock.fence);
          return never.promise;
        }),
      );
      const fence = await granted.promise;
      const waiting = b.locks.request('x', (lock) => lock.fence);
      await b.locks.query();
      const thief = await c.locks.request('x', { steal: true }, async (lock) => {
        expect(await first).toMatchObject({ name: 'AbortError', cause: { code: 'LOST' } });
        expect((await c.txn().if(lock.guard()).commit()).succeeded).toBe(true);
        return lock.fence;
      });
      expect(thief).toBeGreaterThan(fence);
      expect(await waiting).toBeGreaterThan(thief);
      never.resolve();
    });
  });
}
