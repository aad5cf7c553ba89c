import { describe, expect, it } from 'vitest';
import type { Conclave } from '../../src/conclave.js';
import { utf8 } from '../../src/core/bytes.js';
import type { LineSummary } from '../../src/inspect/list.js';
import type { Backend } from '../support/backends.js';
import { aborted, recipes } from './recipe-fixture.js';

async function listed(conclave: Conclave, prefix?: string, pageSize?: number): Promise<LineSummary[]> {
  const found: LineSummary[] = [];
  for await (const line of conclave.locks.list(prefix, { pageSize })) found.push(line);
  return found;
}

/** What those who look at locks from outside are promised, whatever the locks stand on. */
export function inspectContract(backend: Backend): void {
  describe('locks from outside', () => {
    const open = recipes(backend);

    it('INSPECT-1: a foreign place shows the life of its lease', async () => {
      const { opened, process } = await open();
      const conclave = await process({ ttlMs: 30_000, label: 'ada' });
      const held = await conclave.lock('x');
      const { id } = await opened.store.leaseGrant({ ttl: 60n });
      const key = utf8(`${opened.prefix}locks/x/${id.toString(16)}`);
      await opened.store.txn({ success: [{ type: 'put', request: { key, lease: id } }] });
      const { holder, waiters } = await conclave.inspectLock('x');
      expect(holder).toMatchObject({ label: 'ada', fence: held.fence, lease: { grantedMs: 30_000 } });
      expect(waiters).toMatchObject([{ leaseId: id, ageMs: undefined, lease: { grantedMs: 60_000 } }]);
      expect(waiters[0]?.lease?.remainingMs).toBeLessThanOrEqual(60_000);
      expect(waiters[0]?.lease?.remainingMs).toBeGreaterThan(0);
      await opened.store.leaseRevoke({ id });
    });

    it('INSPECT-2, INSPECT-3: breakLock gives the lock to the next, and the broken holder hears it', async () => {
      const { process, places } = await open();
      const [a, b, operator] = [await process(), await process(), await process()];
      const held = await a.lock('x');
      const waiting = b.lock('x');
      await places('locks/x/', 2);
      expect(await operator.breakLock('x', { ifFence: held.fence + 1n })).toBe(false);
      expect(held.held).toBe(true);
      expect(await operator.breakLock('x', { ifFence: held.fence })).toBe(true);
      const next = await waiting;
      expect(next.fence).toBeGreaterThan(held.fence);
      expect(await aborted(held.signal)).toMatchObject({ code: 'LOST', loss: 'key-deleted' });
      expect((await a.txn().if(held.guard()).commit()).succeeded).toBe(false);
      expect((await b.txn().if(next.guard()).commit()).succeeded).toBe(true);
      expect(await operator.breakLock('x', { ifFence: held.fence })).toBe(false);
      expect(next.held).toBe(true);
    });

    it('INSPECT-5: list tells every lock once with holder and waiters, page by page', async () => {
      const { opened, process, places } = await open();
      const [a, b] = [await process({ label: 'ada' }), await process()];
      for (const name of ['a', 'a/b', 'a/b/c', 'a-b', 'b']) await a.lock(name);
      const waiting = [b.lock('a'), b.lock('a'), b.lock('a/b')].map((each) => each.catch(() => {}));
      await places('locks/', 8);
      for (const pageSize of [1, 3, 1000]) {
        const found = await listed(b, '', pageSize);
        const shown = found.map(({ name, holder, holders, waiters }) => [name, holder.label, holders, waiters]);
        expect(shown.sort()).toEqual([
          ['a', 'ada', 1, 2],
          ['a-b', 'ada', 1, 0],
          ['a/b', 'ada', 1, 1],
          ['a/b/c', 'ada', 1, 0],
          ['b', 'ada', 1, 0],
        ]);
      }
      expect((await listed(b, 'a/')).map(({ name }) => name).sort()).toEqual(['a/b', 'a/b/c']);
      expect((await listed(b, `${opened.prefix}locks/b`)).map(({ name }) => name)).toEqual([`${opened.prefix}locks/b`]);
      await b.close();
      await Promise.all(waiting);
    });

    it('INSPECT-6: graph shows who waits for whom, and a circle until it is broken', async () => {
      const { process, places } = await open();
      const [a, b, operator] = [await process(), await process(), await process()];
      const [x, y] = [await a.lock('x'), await b.lock('y')];
      const waiting = [a.lock('y'), b.lock('x')];
      await places('locks/', 4);
      const { waits, deadlocks } = await operator.locks.graph();
      expect(waits.map(({ line, waiter, holder }) => [line, waiter.party, holder.party])).toEqual([
        ['x', `lease ${y.leaseId.toString(16)}`, `lease ${x.leaseId.toString(16)}`],
        ['y', `lease ${x.leaseId.toString(16)}`, `lease ${y.leaseId.toString(16)}`],
      ]);
      expect(deadlocks).toHaveLength(1);
      expect(deadlocks[0]?.circle).toHaveLength(2);
      expect(await operator.breakLock('x', { ifFence: x.fence })).toBe(true);
      const freed = await waiting[1];
      expect((await operator.locks.graph()).deadlocks).toEqual([]);
      await freed?.release();
      await y.release();
      await (await waiting[0])?.release();
    });
  });
}
