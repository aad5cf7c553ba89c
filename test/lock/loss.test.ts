import { describe, expect, it } from 'vitest';
import { remove } from '../../src/store/ops.js';
import { errorOf, inWorld } from '../support/sim-world.js';

const ttlMs = 6_000;

describe('losing a lock', () => {
  it('LOCK-5: a holder cut off knows it before the server gives the lock to the next', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const held = await world.until(a.conclave.lock('x'));
      const waiting = b.conclave.lock('x');
      await world.advance(1_000);
      a.store.partition();
      let lostAtMs: number | undefined;
      held.signal.addEventListener('abort', () => {
        lostAtMs = world.sim.nowMs;
      });
      const next = await world.until(waiting);
      expect(lostAtMs).toBeLessThan(world.sim.nowMs);
      expect(held.held).toBe(false);
      expect(held.signal.reason).toMatchObject({ code: 'SESSION_LOST', loss: 'deadline' });
      expect(next.fence).toBeGreaterThan(held.fence);
      await world.until(next.release());
    }));

  it.each([1, 500, 1_999, 2_000, 2_001, 4_321, 5_999])(
    'LOCK-5: the same when it is cut off %s ms after it got the lock, heartbeats included',
    (afterMs) =>
      inWorld(async (world) => {
        const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
        const held = await world.until(a.conclave.lock('x'));
        const waiting = b.conclave.lock('x').then((next) => {
          expect(held.held).toBe(false);
          expect(held.signal.aborted).toBe(true);
          return next;
        });
        await world.advance(afterMs);
        a.store.partition();
        await world.until(waiting);
      }),
  );

  it('LOCK-5: a process that stood still sees at its first look that the lock is gone, before any timer runs', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const held = await world.until(a.conclave.lock('x'));
      const waiting = b.conclave.lock('x');
      await world.settle();
      a.runtime.stall();
      a.store.partition();
      const next = await world.until(waiting);
      expect(next.held).toBe(true);
      // The late read comes first, as in a callback that was queued before the timers.
      expect(held.held).toBe(false);
      expect(held.remainingMs).toBe(0);
      expect(held.signal.aborted).toBe(true);
      a.runtime.resume();
      a.store.heal();
      await world.advance(1_000);
      expect(next.held).toBe(true);
    }));

  it('LOCK-5: a wall clock set forward loses it here first', () =>
    inWorld(async (world) => {
      const { conclave, runtime } = world.client({ ttlMs });
      const held = await world.until(conclave.lock('x'));
      runtime.jumpWall(ttlMs);
      expect(held.held).toBe(false);
      await world.expire();
    }));

  it('LOCK-5: a lease revoked on the server is noticed by the watch on the own key, at once', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const held = await world.until(conclave.lock('x'));
      await world.advance(150);
      await world.truth.leaseRevoke({ id: held.leaseId });
      await world.settle();
      expect(held.held).toBe(false);
      expect(conclave.session.leaseId).not.toBe(held.leaseId);
    }));

  it('LOCK-5: all locks of a session that was revoked are lost, with one question to the server', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      const names = Array.from({ length: 20 }, (_, i) => `x${i}`);
      const all = await world.until(Promise.all(names.map((name) => conclave.lock(name))));
      await world.advance(150);
      await world.truth.leaseRevoke({ id: all[0]?.leaseId ?? 0n });
      await world.settle();
      expect(all.map(({ held }) => held)).toEqual(all.map(() => false));
      expect(store.counts.leaseKeepAlive).toBe(1);
    }));

  it('LOCK-5: a key that somebody deleted is lost, and the session lives on', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const held = await world.until(conclave.lock('x'));
      const other = await world.until(conclave.lock('y'));
      await world.advance(150);
      await world.truth.txn({ success: [remove(held.key)] });
      await world.settle();
      expect(held.held).toBe(false);
      expect(held.signal.reason).toMatchObject({ code: 'LOST', loss: 'key-deleted' });
      expect(other.held).toBe(true);
    }));

  it('LOCK-5: also when it was deleted before the watch began', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const held = await world.until(conclave.lock('x'));
      await world.advance(10);
      await world.truth.txn({ success: [remove(held.key)] });
      await world.advance(90);
      expect(held.held).toBe(false);
    }));

  it('LOCK-5: also when history was compacted before the watch began', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const [held, other] = await world.until(Promise.all([conclave.lock('x'), conclave.lock('y')]));
      await world.truth.txn({ success: [remove(held.key)] });
      await world.truth.compact({ revision: world.host.stats().revision });
      await world.advance(150);
      expect(held.held).toBe(false);
      expect(other.held).toBe(true);
    }));

  it('LOCK-5: a holder whose watch ends by compaction looks, keeps the lock, and watches on', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      const held = await world.until(conclave.lock('x'));
      await world.advance(150);
      for (let i = 0; i < 3; i++) {
        store.loseReply('range');
        store.endWatches();
        await world.advance(ttlMs);
        expect(held.held).toBe(true);
        expect(store.openWatches).toBe(1);
      }
      await world.truth.txn({ success: [remove(held.key)] });
      await world.settle();
      expect(held.held).toBe(false);
    }));

  it('LOCK-5: a lost lock is never taken again by itself', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const held = await world.until(conclave.lock('x'));
      await world.advance(150);
      await world.truth.leaseRevoke({ id: held.leaseId });
      await world.advance(60_000);
      expect(held.held).toBe(false);
      expect(await world.keys()).toEqual([]);
      const next = await world.until(conclave.lock('x'));
      expect(next.fence).toBeGreaterThan(held.fence);
    }));

  it('LOCK-5: whoever asks after a loss that nobody knows of yet gets the lock on a fresh lease', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const lost = conclave.session;
      await world.until(lost.open());
      await world.truth.leaseRevoke({ id: lost.leaseId });
      const held = await world.until(conclave.lock('x'));
      expect(held.held).toBe(true);
      expect(held.leaseId).not.toBe(lost.leaseId);
      expect(lost.loss).toBe('server');
      await world.truth.leaseRevoke({ id: held.leaseId });
      expect((await world.until(conclave.tryLock('y')))?.held).toBe(true);
    }));

  it('LOCK-5: unless it brought the session itself', () =>
    inWorld(async (world) => {
      const { conclave, session } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      await world.truth.leaseRevoke({ id: own.leaseId });
      const error = errorOf(conclave.lock('x', { session: own }));
      expect(await world.until(error)).toMatchObject({ code: 'SESSION_LOST', loss: 'server' });
    }));
});
