import { describe, expect, it } from 'vitest';
import type { Conclave } from '../../src/conclave.js';
import type { Backend } from '../support/backends.js';
import { errorOf } from '../support/sim-world.js';
import { recipes } from './recipe-fixture.js';

/** What a semaphore promises, whatever it stands on. */
export function semaphoreContract(backend: Backend): void {
  describe('a semaphore', () => {
    const open = recipes(backend);

    it('SEM-1, SEM-5: never more permits out than there are, and everyone gets theirs', async () => {
      const { process } = await open();
      const processes = [await process(), await process(), await process()];
      const inside = { now: 0, most: 0 };
      const worker = async (conclave: Conclave, i: number) => {
        const semaphore = conclave.semaphore('s', { permits: 4 });
        for (let turn = 0; turn < 4; turn++) {
          const permits = 1 + ((i + turn) % 3);
          await semaphore.withPermits({ permits }, async () => {
            inside.now += permits;
            inside.most = Math.max(inside.most, inside.now);
            await conclave.get('elsewhere');
            inside.now -= permits;
          });
        }
      };
      await Promise.all(processes.flatMap((each, i) => [worker(each, i), worker(each, i + 1), worker(each, i + 2)]));
      expect(inside.most).toBeGreaterThan(2);
      expect(inside.most).toBeLessThanOrEqual(4);
      expect(await processes[0]?.semaphore('s', { permits: 4 }).delete()).toBe(true);
    });

    it('SEM-2, SEM-6: strictly in order, whatever they weigh', async () => {
      const { process, places } = await open();
      const [a, b] = [await process(), await process()];
      const semaphore = b.semaphore('s', { permits: 3 });
      const first = await a.semaphore('s', { permits: 3 }).acquire({ permits: 2 });
      const order: string[] = [];
      const heavy = semaphore.withPermits({ permits: 3 }, () => order.push('heavy'));
      await places('semaphores/s/p.', 2);
      const light = semaphore.withPermits({}, () => order.push('light'));
      await places('semaphores/s/p.', 3);
      expect(await semaphore.tryAcquire()).toBeNull();
      await first.release();
      await Promise.all([heavy, light]);
      expect(order).toEqual(['heavy', 'light']);
      expect(await semaphore.delete()).toBe(true);
      await places('semaphores/', 0);
    });

    it('SEM-3, SEM-4, SEM-10: the number is agreed, can be changed for all, and is forgotten on demand', async () => {
      const { process, places } = await open();
      const [a, b] = [await process(), await process()];
      const semaphore = a.semaphore('s', { permits: 1 });
      const first = await semaphore.acquire();
      expect(await errorOf(b.semaphore('s', { permits: 2 }).acquire())).toMatchObject({ code: 'MISMATCH' });
      const waiting = b.semaphore('s', { permits: 1 }).acquire();
      await places('semaphores/s/p.', 2);
      await semaphore.setPermits(2);
      const second = await waiting;
      expect(await semaphore.inspect()).toMatchObject({ permits: 2, available: 0, waiters: [] });
      expect(await semaphore.delete()).toBe(false);
      await semaphore.setPermits(1);
      await first.release();
      expect(await semaphore.tryAcquire()).toBeNull();
      await second.release();
      expect(await semaphore.delete()).toBe(true);
      await places('semaphores/', 0);
      await (await b.semaphore('s', { permits: 2 }).acquire({ permits: 2 })).release();
      expect(await semaphore.delete()).toBe(true);
    });
  });
}
