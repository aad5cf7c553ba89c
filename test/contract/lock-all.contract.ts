import { describe, expect, it } from 'vitest';
import type { Conclave } from '../../src/conclave.js';
import type { Backend } from '../support/backends.js';
import { errorOf } from '../support/sim-world.js';
import { recipes } from './recipe-fixture.js';

/** What `lockAll` promises, whatever it stands on. */
export function lockAllContract(backend: Backend): void {
  describe('lockAll', () => {
    const open = recipes(backend);

    it('LOCKALL-1, LOCKALL-3: of any names in any order, by many at once, comes to an end, one at a time', async () => {
      const { process, places } = await open();
      const processes = [await process(), await process(), await process()];
      const orders = [
        ['a', 'b', 'c'],
        ['c', 'a'],
        ['b', 'c', 'a'],
      ];
      const inside = { now: 0, most: 0 };
      const worker = async (conclave: Conclave, names: readonly string[]) => {
        for (let turn = 0; turn < 3; turn++) {
          const held = await conclave.lockAll(names);
          inside.now += 1;
          inside.most = Math.max(inside.most, inside.now);
          expect((await conclave.txn().if(held.guard()).commit()).succeeded).toBe(true);
          inside.now -= 1;
          await held.release();
        }
      };
      await Promise.all(processes.flatMap((each, i) => [worker(each, orders[i] ?? []), worker(each, ['c', 'b'])]));
      expect(inside.most).toBe(1);
      await places('locks/', 0);
    });

    it('LOCKALL-2: 128 free names at once, the most that a txn proves', async () => {
      const { process, places } = await open();
      const conclave = await process();
      const held = await conclave.lockAll(Array.from({ length: 128 }, (_, i) => `${i}`));
      await places('locks/', 128);
      expect(new Set(held.parts.map(({ fence }) => fence)).size).toBe(1);
      expect((await conclave.txn().if(held.guard()).commit()).succeeded).toBe(true);
      await held.release();
      await places('locks/', 0);
    });

    it('LOCKALL-8: tryLockAll takes what is free, and leaves nothing of what is not', async () => {
      const { process, places } = await open();
      const [a, b] = [await process(), await process()];
      const busy = await a.lock('c');
      expect(await b.tryLockAll(['a', { read: 'b' }, 'c'])).toBeNull();
      await places('locks/', 1);
      await busy.release();
      const held = await b.tryLockAll(['a', { read: 'b' }, 'c']);
      expect(held?.parts).toHaveLength(3);
      expect((await a.rwLock('b').tryRead())?.held).toBe(true);
      expect(await a.tryLockAll(['c', 'd'])).toBeNull();
      await held?.release();
    });

    it('LOCKALL-1, LOCKALL-4: kinds may be mixed, and a timeout leaves nothing', async () => {
      const { process, places } = await open();
      const [a, b] = [await process(), await process()];
      const entries = [{ read: 'x' }, 'y', { semaphore: 's', of: 2, permits: 2 }] as const;
      const reader = await a.rwLock('x').read();
      const held = await b.lockAll(entries);
      expect(await a.tryLock('y')).toBeNull();
      expect(await a.semaphore('s', { permits: 2 }).tryAcquire()).toBeNull();
      expect(await errorOf(a.lockAll(entries, { timeoutMs: 50 }))).toMatchObject({ code: 'TIMEOUT' });
      await held.release();
      await reader.release();
      await places('locks/', 0);
      expect(await a.semaphore('s', { permits: 2 }).delete()).toBe(true);
    });
  });
}
