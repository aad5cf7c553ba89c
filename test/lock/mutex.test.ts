import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { ConclaveError } from '../../src/core/errors.js';
import type { Held } from '../../src/line/held.js';
import { put, remove } from '../../src/store/ops.js';
import { type Client, errorOf, inWorld, outcomeOf } from '../support/sim-world.js';

const ttlMs = 60_000;

function textOf(key: Uint8Array): string {
  return Buffer.from(key).toString();
}

describe('lock()', () => {
  it('LOCK-1: two callers of one process exclude each other', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const first = await world.until(conclave.lock('x'));
      let second: Held | undefined;
      const waiting = conclave.lock('x').then((held) => {
        second = held;
      });
      await world.advance(60_000);
      expect(second).toBeUndefined();
      await world.until(first.release());
      await world.until(waiting);
      expect(second?.held).toBe(true);
    }));

  it('LOCK-1: different names do not exclude each other, nested ones included', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      for (const name of ['a/b', 'a', 'a/b/c', 'a/', 'ab']) {
        expect((await world.until(conclave.lock(name, { timeoutMs: 1_000 }))).name).toBe(name);
      }
    }));

  it('LOCK-4, LOCK-3: is given in the order in which it was asked for, with growing fences', () =>
    inWorld(async (world) => {
      const clients = [world.client({ ttlMs }), world.client({ ttlMs }), world.client({ ttlMs })];
      const order: { readonly i: number; readonly fence: bigint }[] = [];
      const first = await world.until((clients[0] as Client).conclave.lock('x'));
      const waiting = [];
      for (let i = 0; i < 9; i++) {
        const { conclave } = clients[i % 3] as Client;
        waiting.push(
          conclave.withLock('x', ({ fence }) => {
            order.push({ i, fence });
          }),
        );
        await world.settle();
      }
      await world.until(first.release());
      await world.until(Promise.all(waiting));
      expect(order.map(({ i }) => i)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
      const fences = [first.fence, ...order.map(({ fence }) => fence)];
      for (const [i, fence] of fences.slice(1).entries()) expect(fence).toBeGreaterThan(fences[i] as bigint);
    }));

  it('LOCK-4: a waiter in the middle that gives up moves the next one up, and lets nobody in', () =>
    inWorld(async (world) => {
      const [a, b, c] = [world.client({ ttlMs }), world.client({ ttlMs }), world.client({ ttlMs })];
      const held = await world.until(a.conclave.lock('x'));
      const controller = new AbortController();
      const middle = errorOf(b.conclave.lock('x', { signal: controller.signal }));
      await world.settle();
      const last = c.conclave.lock('x');
      await world.settle();
      controller.abort(new Error('no longer'));
      expect(await world.until(middle)).toBe(controller.signal.reason);
      await world.advance(1_000);
      expect((await world.until(a.conclave.inspectLock('x'))).waiters).toHaveLength(1);
      expect(held.held).toBe(true);
      await world.until(held.release());
      const releasedMs = world.sim.nowMs;
      expect((await world.until(last)).held).toBe(true);
      expect(world.sim.nowMs).toBe(releasedMs);
    }));

  it('LOCK-1: names with any characters are names of their own; what UTF-8 cannot tell apart is refused', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const names = [
        'a',
        'a\0',
        '\0',
        ' ',
        'a.b',
        'a/',
        '/',
        '//',
        'ä',
        'a\u0308',
        '\u{1f512}',
        '-',
        '\n',
        '..',
        'r.x',
        'x'.repeat(9_000),
      ];
      const held = await world.until(Promise.all(names.map((name) => conclave.lock(name, { timeoutMs: 1_000 }))));
      expect(held.map(({ name }) => name)).toEqual(names);
      expect(new Set(held.map(({ key }) => key)).size).toBe(names.length);
      for (const each of held) await world.until(each.release());
      for (const bad of ['', '\ud800', 'a\udfff', 'x\ud83d/y', undefined, 7, ['a']] as string[]) {
        const refused = { code: 'INVALID_NAME', outcome: 'not-applied' };
        expect(await world.until(errorOf(conclave.lock(bad)))).toMatchObject(refused);
        expect(await world.until(errorOf(conclave.inspectLock(bad)))).toMatchObject(refused);
        expect(() => conclave.semaphore(bad, { permits: 1 })).toThrow('well-formed');
        expect(() => conclave.election(bad)).toThrow('well-formed');
      }
    }));

  it('LOCK-6: an abort while waiting rejects with the reason itself and leaves nothing', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const held = await world.until(a.conclave.lock('x'));
      const controller = new AbortController();
      const error = errorOf(b.conclave.lock('x', { signal: controller.signal }));
      await world.advance(100);
      const reason = { any: 'value' };
      controller.abort(reason);
      expect(await world.until(error)).toBe(reason);
      expect((await world.keys()).map(({ key }) => textOf(key))).toEqual([held.key]);
      expect(b.store.openWatches).toBe(0);
    }));

  it('LOCK-6: a signal that has aborted already sends nothing', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      expect(await errorOf(conclave.lock('x', { signal: AbortSignal.abort('no') }))).toBe('no');
      expect(await errorOf(conclave.tryLock('x', { signal: AbortSignal.abort('no') }))).toBe('no');
      expect(store.total).toBe(0);
    }));

  it('LOCK-6: a timeout rejects with TIMEOUT and leaves nothing', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      await world.until(a.conclave.lock('x'));
      const startedMs = world.sim.nowMs;
      expect(await world.until(errorOf(b.conclave.lock('x', { timeoutMs: 500 })))).toMatchObject({ code: 'TIMEOUT' });
      expect(world.sim.nowMs - startedMs).toBe(500);
      expect(await world.keys()).toHaveLength(1);
    }));

  it('LOCK-6: the timeout covers opening the session too', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      store.partition();
      expect(await world.until(errorOf(conclave.lock('x', { timeoutMs: 500 })))).toMatchObject({ code: 'TIMEOUT' });
      expect(world.sim.nowMs).toBe(500);
      store.heal();
      await world.advance(10_000);
    }));

  it.each([-1, Number.NaN])('LOCK-6: a timeout of %s is refused', (timeoutMs) =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      expect(await errorOf(conclave.lock('x', { timeoutMs }))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(store.total).toBe(0);
    }),
  );

  it.each(['', 7 as unknown as string])('LOCK-1: the name %j is refused', (name) =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      expect(await errorOf(conclave.lock(name))).toMatchObject({ code: 'INVALID_NAME' });
    }),
  );

  it('LOCK-13: costs one round trip when it is free, and one to release; a short hold makes no watch', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      await world.until(conclave.session.open());
      const held = await world.until(conclave.lock('x'));
      await world.advance(99);
      expect(store.counts).toMatchObject({ txn: 1, range: 0, watch: 0 });
      await world.until(held.release());
      expect(store.counts).toMatchObject({ txn: 2, range: 0, watch: 0, leaseGrant: 1 });
    }));

  it('LOCK-13: many locks of one process share one lease and one heartbeat', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs: 9_000 });
      const names = Array.from({ length: 20 }, (_, i) => `x${i}`);
      await world.until(Promise.all(names.map((name) => conclave.lock(name))));
      await world.advance(9_000);
      expect(store.counts).toMatchObject({ leaseGrant: 1, leaseKeepAlive: 3 });
    }));
});

describe('tryLock()', () => {
  it('LOCK-7: takes a free lock in one round trip', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      await world.until(conclave.session.open());
      const held = await world.until(conclave.tryLock('x'));
      expect(held?.held).toBe(true);
      expect(store.counts).toMatchObject({ txn: 1, range: 0, watch: 0 });
    }));

  it('LOCK-7: is null for a busy one after one round trip, with nothing written', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      await world.until(a.conclave.lock('x'));
      await world.until(b.conclave.session.open());
      const { revision } = world.host.stats();
      expect(await world.until(b.conclave.tryLock('x'))).toBeNull();
      expect(b.store.counts).toMatchObject({ txn: 1, range: 0, watch: 0 });
      expect(world.host.stats().revision).toBe(revision);
    }));

  it('LOCK-7: takes one whose name has busy names below it', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      for (let i = 0; i < 6; i++) await world.until(conclave.lock(`x/${i}`));
      const held = await world.until(conclave.tryLock('x'));
      expect(held?.held).toBe(true);
      expect(await world.until(conclave.tryLock('x'))).toBeNull();
      expect((await world.until(conclave.inspectLock('x'))).waiters).toEqual([]);
    }));

  it('LOCK-7: does not overtake a waiter', () =>
    inWorld(async (world) => {
      const [a, b, c] = [world.client({ ttlMs }), world.client({ ttlMs }), world.client({ ttlMs })];
      const held = await world.until(a.conclave.lock('x'));
      const waiting = b.conclave.lock('x');
      await world.until(c.conclave.session.open());
      const released = held.release();
      const tried = c.conclave.tryLock('x');
      await world.until(released);
      expect(await world.until(tried)).toBeNull();
      expect((await world.until(waiting)).held).toBe(true);
    }));
});

describe('what a holder has', () => {
  it('LOCK-3, LOCK-2: the fence is the create revision of its key, and the guard holds while it does', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const held = await world.until(conclave.lock('x'));
      const [key] = await world.keys('locks/x/');
      expect(held.fence).toBe(key?.createRevision);
      expect(held.key).toBe(textOf(key?.key ?? utf8('')));
      expect(held.leaseId).toBe(key?.lease);
      const guarded = () =>
        conclave
          .txn()
          .if(held.guard())
          .then(put('state', 'paid', { leaseId: held.leaseId }))
          .commit();
      expect((await world.until(guarded())).succeeded).toBe(true);
      await world.until(held.release());
      expect((await world.until(guarded())).succeeded).toBe(false);
    }));

  it('LOCK-2: the guard fails for the holder that was taken for dead, while the next one has it', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs: 5_000 }), world.client({ ttlMs })];
      const stalled = await world.until(a.conclave.lock('x'));
      const waiting = b.conclave.lock('x');
      await world.settle();
      a.runtime.stall();
      a.store.partition();
      const next = await world.until(waiting);
      a.store.heal();
      a.runtime.resume();
      expect((await world.truth.txn({ compare: [stalled.guard()] })).succeeded).toBe(false);
      expect((await world.truth.txn({ compare: [next.guard()] })).succeeded).toBe(true);
      expect(stalled.held).toBe(false);
    }));

  it('LOCK-1: names with a slash in front are the exact prefix; a stray key below one blocks nobody', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      await world.truth.txn({ success: [put('/jobs/nightly/stray', '')] });
      const held = await world.until(conclave.lock('/jobs/nightly', { timeoutMs: 1_000 }));
      expect(held.key).toMatch(/^\/jobs\/nightly\/[0-9a-f]+\.[0-9a-f]{16}$/);
      await world.truth.txn({ success: [remove('/jobs/nightly/stray')] });
    }));
});

describe('release()', () => {
  it('LOCK-8: a second one rejects with RELEASED, dispose is quiet', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const held = await world.until(conclave.lock('x'));
      await world.until(held.release());
      expect(held.held).toBe(false);
      expect(held.remainingMs).toBe(0);
      expect(held.signal.reason).toMatchObject({ code: 'RELEASED' });
      expect(await errorOf(held.release())).toMatchObject({ code: 'RELEASED' });
      const before = store.total;
      await held[Symbol.asyncDispose]();
      await held[Symbol.asyncDispose]();
      expect(store.total).toBe(before);
    }));

  it('LOCK-8: dispose alone releases', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const held = await world.until(conclave.lock('x'));
      await world.until(held[Symbol.asyncDispose]());
      expect(await world.keys()).toEqual([]);
    }));

  it('LOCK-8: after a loss it is quiet and sends nothing', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const held = await world.until(conclave.lock('x'));
      await world.truth.leaseRevoke({ id: held.leaseId });
      await world.advance(ttlMs);
      expect(held.held).toBe(false);
      const before = store.counts.txn;
      await held.release();
      await held.release();
      expect(store.counts.txn).toBe(before);
    }));

  it('LOCK-8: never takes away the place of a later holder', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const first = await world.until(conclave.lock('x'));
      store.duplicate('txn', 1_000);
      await world.until(first.release());
      const second = await world.until(conclave.lock('x'));
      await world.advance(2_000);
      expect(store.inFlight).toBe(0);
      expect(second.held).toBe(true);
      expect(await world.keys('locks/')).toHaveLength(1);
    }));

  it('LOCK-8: without an answer rejects with TIMEOUT, unknown, and goes on behind it', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      const held = await world.until(conclave.lock('x'));
      store.partition();
      const startedMs = world.sim.nowMs;
      expect(await world.until(errorOf(held.release()))).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
      expect(world.sim.nowMs - startedMs).toBe(5_000);
      store.heal();
      await world.advance(10_000);
      expect(await world.keys()).toEqual([]);
    }));

  it('LOCK-8: close() of the connection takes away what is held and ends what waits', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const held = await world.until(a.conclave.lock('x'));
      const waiting = errorOf(b.conclave.lock('x'));
      await world.settle();
      await world.until(b.conclave.close());
      expect(await world.until(waiting)).toMatchObject({ code: 'SESSION_LOST', loss: 'closed' });
      await world.until(a.conclave.close());
      expect(held.signal.reason).toMatchObject({ code: 'SESSION_LOST', loss: 'closed' });
      expect(await world.keys()).toEqual([]);
      expect(await errorOf(a.conclave.lock('x'))).toMatchObject({ code: 'CLOSED' });
    }));
});

describe('withLock()', () => {
  it('LOCK-9: gives the result of the work, and lets go after it has settled, not before', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      let finish: (value: string) => void = () => {};
      const done = conclave.withLock(
        'x',
        () =>
          new Promise<string>((resolve) => {
            finish = resolve;
          }),
      );
      await world.advance(3_600_000);
      expect(await world.keys('locks/')).toHaveLength(1);
      finish('result');
      expect(await world.until(done)).toBe('result');
      expect(await world.keys('locks/')).toEqual([]);
    }));

  it("LOCK-9: rejects with the work's own error, also when the release fails as well", () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      const failed = new Error('mine');
      const error = errorOf(
        conclave.withLock('x', () => {
          store.partition();
          throw failed;
        }),
      );
      expect(await world.until(error)).toBe(failed);
      store.heal();
      await world.advance(10_000);
      expect(await world.keys()).toEqual([]);
    }));

  it('LOCK-9: keeps the result of work that is done when the store does not confirm the release', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      const done = outcomeOf(
        conclave.withLock('x', () => {
          store.partition();
          return 'done';
        }),
      );
      expect(await world.until(done)).toEqual({ value: 'done' });
      store.heal();
      await world.advance(10_000);
      expect(await world.keys()).toEqual([]);
    }));

  it('LOCK-9: rejects with the loss though the work resolves', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const error = errorOf(
        conclave.withLock('x', async (held) => {
          await world.truth.txn({ success: [remove(held.key)] });
          await new Promise((resolve) => held.signal.addEventListener('abort', resolve));
          return 'too late';
        }),
      );
      expect(await world.until(error)).toMatchObject({ code: 'LOST', loss: 'key-deleted' });
    }));

  it('LOCK-9: the loss counts though no timer had its turn during the work', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs: 5_000 });
      const error = errorOf(
        conclave.withLock('x', () => {
          world.sim.stall(10_000);
          return 'too late';
        }),
      );
      expect(await world.until(error)).toMatchObject({ code: 'SESSION_LOST', loss: 'deadline' });
      await world.expire();
    }));

  it('LOCK-9: an abort reaches the work through held.signal, and the lock is kept until the work has settled', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const controller = new AbortController();
      const stages: string[] = [];
      const done = conclave.withLock('x', { signal: controller.signal }, async (held) => {
        await new Promise((resolve) => held.signal.addEventListener('abort', resolve));
        stages.push(String(held.signal.reason), `held: ${held.held}`, `keys: ${(await world.keys()).length}`);
        return 'stopped';
      });
      await world.advance(1_000);
      controller.abort('stop');
      expect(await world.until(done)).toBe('stopped');
      expect(stages).toEqual(['stop', 'held: true', 'keys: 1']);
      expect(await world.keys()).toEqual([]);
    }));

  it('LOCK-9: work may let go itself', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const done = conclave.withLock('x', async (held) => {
        await held.release();
        return 'done';
      });
      expect(await world.until(done)).toBe('done');
    }));

  it('LOCK-9: a failed acquisition never starts the work', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      await world.until(conclave.lock('x'));
      let started = false;
      const error = errorOf(
        conclave.withLock('x', { timeoutMs: 100 }, () => {
          started = true;
        }),
      );
      expect(ConclaveError.is(await world.until(error), 'TIMEOUT')).toBe(true);
      expect(started).toBe(false);
    }));
});

describe('inspectLock()', () => {
  it('LOCK-12: shows holder and waiters in order, with labels and ages', () =>
    inWorld(async (world) => {
      const [a, b, c] = [
        world.client({ ttlMs, label: 'ada' }),
        world.client({ ttlMs, label: 'bob' }),
        world.client({ ttlMs }),
      ];
      expect(await world.until(a.conclave.inspectLock('x'))).toEqual({
        name: 'x',
        holder: null,
        holders: [],
        waiters: [],
      });
      const held = await world.until(a.conclave.lock('x'));
      await world.advance(1_000);
      const waiting = [b.conclave.lock('x'), c.conclave.lock('x', { label: 'cleo' })];
      await world.advance(500);
      const { holder, waiters } = await world.until(c.conclave.inspectLock('x'));
      expect(holder).toMatchObject({ label: 'ada', ageMs: 1_500, key: held.key, fence: held.fence });
      expect(waiters.map(({ label, ageMs }) => ({ label, ageMs }))).toEqual([
        { label: 'bob', ageMs: 500 },
        { label: 'cleo', ageMs: 500 },
      ]);
      await world.until(held.release());
      for (const each of waiting) await world.until((await world.until(each)).release());
    }));

  it.each(['', 'not json', '42', 'null', '{"host":1,"pid":"x","label":{}}'])(
    'LOCK-12: shows a foreign place that holds %j, without guessing',
    (value) =>
      inWorld(async (world) => {
        const { conclave } = world.client();
        await world.until(conclave.session.open());
        const { leaseId } = conclave.session;
        await world.truth.txn({ success: [put('/x/694d', value, { leaseId })] });
        const { holder } = await world.until(conclave.inspectLock('/x'));
        const lease = { grantedMs: 10_000, remainingMs: 10_000 };
        expect(holder).toEqual({ key: '/x/694d', fence: 2n, leaseId, mode: 'write', ageMs: undefined, lease });
      }),
  );
});
