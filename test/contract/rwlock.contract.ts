import { describe, expect, it } from 'vitest';
import type { Conclave } from '../../src/conclave.js';
import type { LockHeld } from '../../src/line/held.js';
import type { Backend } from '../support/backends.js';
import { errorOf } from '../support/sim-world.js';
import { recipes } from './recipe-fixture.js';

/** What a read-write lock promises, whatever it stands on. */
export function rwlockContract(backend: Backend): void {
  describe('a read-write lock', () => {
    const open = recipes(backend);

    it('RWLOCK-1, RWLOCK-2, RWLOCK-5: never a writer beside anybody, and everyone comes in', async () => {
      const { process, places } = await open();
      const processes = [await process(), await process(), await process()];
      const inside = { readers: 0, writers: 0, most: 0, wrong: 0 };
      const worker = async (conclave: Conclave, i: number) => {
        const lock = conclave.rwLock('x');
        for (let turn = 0; turn < 4; turn++) {
          const writes = (i + turn) % 3 === 0;
          const work = async () => {
            inside[writes ? 'writers' : 'readers'] += 1;
            inside.most = Math.max(inside.most, inside.readers);
            if (inside.writers > 0 && inside.writers + inside.readers > 1) inside.wrong += 1;
            await conclave.get('elsewhere');
            inside[writes ? 'writers' : 'readers'] -= 1;
          };
          await (writes ? lock.withWrite({}, work) : lock.withRead({}, work));
        }
      };
      await Promise.all(processes.flatMap((each, i) => [worker(each, i), worker(each, i + 1), worker(each, i + 2)]));
      expect(inside.wrong).toBe(0);
      expect(inside.most).toBeGreaterThan(1);
      await places('locks/', 0);
    });

    it('RWLOCK-3: a downgrade lets the readers in that wait, and not the writer before them', async () => {
      const { process, places } = await open();
      const [a, b] = [await process(), await process()];
      const held = await a.rwLock('x').write();
      const reader = b.rwLock('x').read();
      await places('locks/x/', 2);
      const writer = b.rwLock('x').write();
      await places('locks/x/', 3);
      let writes = false;
      const written = writer.then((each: LockHeld) => {
        writes = true;
        return each;
      });
      await held.downgrade();
      const beside = await reader;
      expect([held.held, held.mode, beside.held, writes]).toEqual([true, 'read', true, false]);
      expect((await a.txn().if(held.guard()).commit()).succeeded).toBe(true);
      expect(await b.rwLock('x').tryRead()).toBeNull();
      await beside.release();
      expect(writes).toBe(false);
      await held.release();
      await (await written).release();
      await places('locks/', 0);
    });

    it('RWLOCK-4, RWLOCK-6: trying and giving up leave nothing', async () => {
      const { process, places } = await open();
      const [a, b] = [await process(), await process()];
      const reader = await a.rwLock('x').tryRead();
      expect(await b.rwLock('x').tryWrite()).toBeNull();
      expect(await errorOf(b.rwLock('x').write({ timeoutMs: 20 }))).toMatchObject({ code: 'TIMEOUT' });
      const beside = await b.rwLock('x').tryRead();
      expect([reader?.held, beside?.held]).toEqual([true, true]);
      await reader?.release();
      await beside?.release();
      await places('locks/', 0);
    });

    it('LOCK-16: a lock delay keeps the others out after a loss, a release does not', async () => {
      const { process, places } = await open();
      const [a, b] = [await process({ ttlMs: 2_000 }), await process()];
      await (await a.lock('x', { lockDelayMs: 60_000 })).release();
      const held = await a.lock('x', { lockDelayMs: 2_000 });
      expect(held.leaseId).not.toBe(a.session.leaseId);
      await places('locks/x/', 1);
      expect(await b.tryLock('x')).toBeNull();
      await held.release();
      expect((await b.lock('x')).held).toBe(true);
    });
  });
}
