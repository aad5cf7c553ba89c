import { describe, expect, it } from 'vitest';
import type { Conclave } from '../../src/conclave.js';
import { utf8Text } from '../../src/core/bytes.js';
import { put } from '../../src/store/ops.js';
import type { Backend } from '../support/backends.js';
import { errorOf } from '../support/sim-world.js';
import { aborted, recipes } from './recipe-fixture.js';

/** Adds one to a key by reading and writing, which loses updates unless one does it at a time. */
async function addOne(conclave: Conclave, counter: string, inside: { now: number; most: number }): Promise<bigint> {
  return conclave.withLock('counter', async (held) => {
    inside.now += 1;
    inside.most = Math.max(inside.most, inside.now);
    const before = await conclave.get(counter);
    const next = Number(before === null ? '0' : utf8Text(before.value)) + 1;
    const written = await conclave
      .txn()
      .if(held.guard())
      .then(put(counter, `${next}`))
      .commit();
    expect(written.succeeded).toBe(true);
    inside.now -= 1;
    return held.fence;
  });
}

/** What a lock promises, whatever it stands on. */
export function lockContract(backend: Backend): void {
  describe('a lock', () => {
    const open = recipes(backend);

    it.each([
      ['LOCK-1, LOCK-3: no update is lost among many workers of several processes, and fences grow', {}],
      ['LOCK-1, LINE-12: nor in a line that is long, where heads tell who comes next', { longLine: 2 }],
    ])('%s', async (_, crowds) => {
      const { opened, process } = await open();
      const processes = [await process({ crowds }), await process({ crowds }), await process({ crowds })];
      const inside = { now: 0, most: 0 };
      const counter = `${opened.prefix}count`;
      const fences: bigint[] = [];
      const worker = async (conclave: Conclave) => {
        for (let i = 0; i < 4; i++) fences.push(await addOne(conclave, counter, inside));
      };
      await Promise.all(processes.flatMap((each) => [worker(each), worker(each), worker(each)]));
      const [first] = processes;
      expect(utf8Text((await first?.get(counter))?.value ?? new Uint8Array())).toBe('36');
      expect(inside.most).toBe(1);
      expect(new Set(fences).size).toBe(36);
      await first?.delete(counter);
    });

    it('LOCK-4, LOCK-3: is given in the order in which it was asked for', async () => {
      const { process, places } = await open();
      const processes = [await process(), await process()];
      const first = await (processes[0] as Conclave).lock('x');
      const order: number[] = [];
      const fences: bigint[] = [];
      const waiting = [];
      for (let i = 0; i < 6; i++) {
        const conclave = processes[i % 2] as Conclave;
        waiting.push(
          conclave.withLock('x', ({ fence }) => {
            order.push(i);
            fences.push(fence);
          }),
        );
        await places('locks/x/', i + 2);
      }
      await first.release();
      await Promise.all(waiting);
      expect(order).toEqual([0, 1, 2, 3, 4, 5]);
      expect([...fences].sort((a, b) => (a < b ? -1 : 1))).toEqual(fences);
      expect(fences[0]).toBeGreaterThan(first.fence);
      await places('locks/', 0);
    });

    it('LOCK-18, LOCK-19: many callers of one process have few places, and others their turns', async () => {
      const { process, places } = await open();
      const [many, other] = [await process({ ttlMs: 30_000 }), await process({ ttlMs: 30_000 })];
      const first = await many.lock('x');
      const order: number[] = [];
      const fences: bigint[] = [];
      const turn = (conclave: Conclave, i: number, signal?: AbortSignal) =>
        conclave.withLock('x', { signal }, ({ fence }) => {
          order.push(i);
          fences.push(fence);
        });
      const aborts = new AbortController();
      const turns = Array.from({ length: 200 }, (_, i) => turn(many, i));
      const impatient = Array.from({ length: 200 }, () => errorOf(turn(many, -1, aborts.signal)));
      await places('locks/x/', 2);
      turns.push(turn(other, -2));
      await places('locks/x/', 3);
      aborts.abort('enough');
      expect(new Set(await Promise.all(impatient))).toEqual(new Set(['enough']));
      await first.release();
      await Promise.all(turns);
      // Behind the one that stood in line itself.
      expect(order.indexOf(-2)).toBe(1);
      expect(order.filter((i) => i >= 0)).toEqual(Array.from({ length: 200 }, (_, i) => i));
      expect([...fences].sort((a, b) => (a < b ? -1 : 1))).toEqual(fences);
      await places('locks/', 0);
    });

    it('LOCK-2, LOCK-5: whose lease was revoked is lost at once, and its guard fails', async () => {
      const { opened, process } = await open();
      const conclave = await process({ ttlMs: 60_000 });
      const held = await conclave.lock('x');
      const guarded = () => conclave.txn().if(held.guard()).commit();
      expect((await guarded()).succeeded).toBe(true);
      await opened.store.leaseRevoke({ id: held.leaseId });
      expect((await guarded()).succeeded).toBe(false);
      await aborted(held.signal);
      expect(held.held).toBe(false);
      await held.release();
      expect((await conclave.lock('x')).fence).toBeGreaterThan(held.fence);
    });

    it('LOCK-5: of a process that is gone is free when its lease ends, not before', async () => {
      const { process } = await open();
      const [gone, next] = [await process({ ttlMs: 2_000 }), await process()];
      const held = await gone.lock('x');
      const { remainingMs } = held;
      const before = performance.now();
      gone.session.orphan();
      expect(held.held).toBe(false);
      const after = await next.lock('x');
      expect(performance.now() - before).toBeGreaterThanOrEqual(remainingMs);
      expect(after.fence).toBeGreaterThan(held.fence);
    });

    it('LOCK-7: tryLock takes a free one, and is null for a busy one with nothing left behind', async () => {
      const { process, places } = await open();
      const [a, b] = [await process(), await process()];
      const held = await a.tryLock('x');
      expect(held?.held).toBe(true);
      expect(await b.tryLock('x')).toBeNull();
      expect(await a.tryLock('x')).toBeNull();
      await places('locks/x/', 1);
      await held?.release();
      const next = await b.tryLock('x');
      expect(next?.fence).toBeGreaterThan(held?.fence ?? 0n);
    });

    it('LOCK-6: an abort while waiting leaves nothing, a timeout neither', async () => {
      const { process, places } = await open();
      const [a, b] = [await process(), await process()];
      const held = await a.lock('x');
      const controller = new AbortController();
      const waiting = errorOf(b.lock('x', { signal: controller.signal }));
      await places('locks/x/', 2);
      controller.abort('enough');
      expect(await waiting).toBe('enough');
      expect(await errorOf(b.lock('x', { timeoutMs: 20 }))).toMatchObject({ code: 'TIMEOUT' });
      const { holder, waiters } = await a.inspectLock('x');
      expect({ holder: holder?.fence, waiters }).toEqual({ holder: held.fence, waiters: [] });
    });

    it('LOCK-9: withLock gives the result, and lets go when the work throws', async () => {
      const { process, places } = await open();
      const conclave = await process();
      expect(await conclave.withLock('x', () => 'result')).toBe('result');
      const failed = new Error('mine');
      const work = () => {
        throw failed;
      };
      expect(await errorOf(conclave.withLock('x', work))).toBe(failed);
      await places('locks/', 0);
    });

    it('LOCK-8: is released once', async () => {
      const { process } = await open();
      const conclave = await process();
      const held = await conclave.lock('x');
      await held.release();
      expect(held.signal.reason).toMatchObject({ code: 'RELEASED' });
      expect(await errorOf(held.release())).toMatchObject({ code: 'RELEASED' });
      await held[Symbol.asyncDispose]();
    });

    it('LOCK-1: names below a busy name are free, and so is the name above', async () => {
      const { opened, process } = await open();
      const conclave = await process();
      for (const name of ['a/b', 'a', 'a/b/c', `${opened.prefix}a/b`, `${opened.prefix}a`]) {
        expect((await conclave.lock(name, { timeoutMs: 10_000 })).held).toBe(true);
        expect(await conclave.tryLock(name)).toBeNull();
      }
    });

    it('LOCK-12: shows who holds and who waits', async () => {
      const { process, places } = await open();
      const [a, b] = [await process({ label: 'ada' }), await process({ label: 'bob' })];
      const held = await a.lock('x');
      const waiting = b.lock('x', { label: 'bob, second try' });
      await places('locks/x/', 2);
      const { holder, waiters } = await b.inspectLock('x');
      expect(holder).toMatchObject({ label: 'ada', fence: held.fence, key: held.key, leaseId: held.leaseId });
      expect(waiters).toMatchObject([{ label: 'bob, second try' }]);
      await held.release();
      await (await waiting).release();
    });

    it('LOCK-10: holder and waiter go on after the connections broke and the store came back', async () => {
      const { opened, process, places } = await open({ exclusive: true });
      const [a, b] = [await process({ ttlMs: 30_000 }), await process({ ttlMs: 30_000 })];
      const held = await a.lock('x');
      const waiting = b.lock('x');
      await places('locks/x/', 2);
      await opened.interrupt();
      expect(held.held).toBe(true);
      await held.release();
      expect((await waiting).fence).toBeGreaterThan(held.fence);
    });
  });
}
