import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { ConclaveError } from '../../src/core/errors.js';
import type { TxnRequest } from '../../src/store/messages.js';
import { remove } from '../../src/store/ops.js';
import type { CallName, Match } from '../support/faulty-store.js';
import { errorOf, inWorld, type SimWorld } from '../support/sim-world.js';

/** A txn that makes a place. */
const entering: Match = (name: CallName, request: unknown) =>
  name === 'txn' && ((request as TxnRequest).success ?? []).some(({ type }) => type === 'put');

const deleting: Match = (name: CallName, request: unknown) =>
  name === 'txn' && ((request as TxnRequest).success ?? []).some(({ type }) => type === 'deleteRange');

const ttlMs = 10_000;

function deleteKey(world: SimWorld, key: string) {
  return world.truth.txn({ success: [remove(utf8(key))] });
}

describe('an acquisition that fails', () => {
  it('LINE-6: aborted while its request is on the way, which is applied after that: nothing stays', () =>
    inWorld(async (world) => {
      const a = world.client({ ttlMs });
      await world.until(a.conclave.session.open());
      a.store.delay(entering, { requestMs: 3_000, replyMs: 500 });
      const controller = new AbortController();
      const error = errorOf(a.conclave.lock('x', { signal: controller.signal }));
      await world.advance(1_000);
      controller.abort('enough');
      expect(await world.until(error)).toBe('enough');
      await world.advance(1_200);
      expect(await world.keys('locks/')).toHaveLength(1);
      await world.advance(600);
      expect(await world.keys('locks/')).toEqual([]);
    }));

  it('LINE-6: its request is given up as lost and applied long after it was swept: nothing stays', () =>
    inWorld(async (world) => {
      const a = world.client({ ttlMs });
      await world.until(a.conclave.session.open());
      a.store.applyLate(entering, 20_000);
      a.store.partition();
      const error = errorOf(a.conclave.lock('x', { timeoutMs: 300 }));
      await world.advance(2_000);
      a.store.heal();
      expect(await world.until(error)).toMatchObject({ code: 'TIMEOUT' });
      await world.advance(30_000);
      expect(a.store.inFlight).toBe(0);
      expect(await world.keys('locks/')).toEqual([]);
    }));

  it('LINE-6: the same when what aborted it is an error of ours that says nothing of this request', () =>
    inWorld(async (world) => {
      const a = world.client({ ttlMs });
      const outer = await world.until(a.conclave.lock('outer'));
      a.store.applyLate(entering, 5_000);
      const error = errorOf(a.conclave.lock('inner', { signal: outer.signal }));
      await world.settle();
      // The first try was given up; it pauses before the second.
      await outer.release();
      expect(await world.until(error)).toMatchObject({ code: 'RELEASED' });
      await world.advance(10_000);
      expect(a.store.inFlight).toBe(0);
      expect(await world.keys('locks/')).toEqual([]);
    }));

  it('LINE-6: its clean-up is tried until the store has answered, whatever the timeout of the call was', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const held = await world.until(b.conclave.lock('x'));
      await world.until(a.conclave.session.open());
      for (let i = 0; i < 4; i++) a.store.loseRequest(deleting);
      const error = errorOf(a.conclave.lock('x', { timeoutMs: 100 }));
      expect(await world.until(error)).toMatchObject({ code: 'TIMEOUT' });
      await world.advance(2_000);
      expect(a.store.pendingFaults).toBe(0);
      expect((await world.keys('locks/')).map(({ createRevision }) => createRevision)).toEqual([held.fence]);
    }));

  it('LINE-8: rejects within a second of the abort though the store does not answer', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      await world.until(b.conclave.lock('x'));
      await world.until(a.conclave.session.open());
      const controller = new AbortController();
      const error = errorOf(a.conclave.lock('x', { signal: controller.signal }));
      await world.advance(100);
      a.store.partition();
      controller.abort('enough');
      const startedMs = world.sim.nowMs;
      expect(await world.until(error)).toBe('enough');
      expect(world.sim.nowMs - startedMs).toBe(1_000);
      a.store.heal();
      await world.advance(10_000);
      expect(await world.keys('locks/')).toHaveLength(1);
    }));

  it('LINE-8: a tryLock that has to give its place back is bounded by its timeout', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      await world.until(a.conclave.session.open());
      // Nested names hide the holder from the first look.
      const held = await world.until(b.conclave.lock('x'));
      for (let i = 0; i < 5; i++) await world.until(b.conclave.lock(`x/${i}`));
      a.store.partitionAt(deleting);
      const startedMs = world.sim.nowMs;
      const error = await world.until(errorOf(a.conclave.tryLock('x', { timeoutMs: 200 })));
      expect(error).toMatchObject({ code: 'TIMEOUT' });
      expect(world.sim.nowMs - startedMs).toBeLessThanOrEqual(1_200);
      a.store.heal();
      await world.advance(10_000);
      const left = (await world.keys('locks/x/')).filter(
        ({ key }) => Buffer.from(key).toString().split('/').length === 3,
      );
      expect(left.map(({ createRevision }) => createRevision)).toEqual([held.fence]);
    }));
});

describe('a request of unknown fate', () => {
  it('LINE-6: a late first try does not come back to life after the second was released', () =>
    inWorld(async (world) => {
      const a = world.client({ ttlMs });
      await world.until(a.conclave.session.open());
      a.store.applyLate(entering, 5_000);
      const held = await world.until(a.conclave.lock('x'));
      await world.until(held.release());
      expect(await world.keys('locks/')).toEqual([]);
      await world.advance(12_000);
      expect(a.store.inFlight).toBe(0);
      expect(await world.keys('locks/')).toEqual([]);
    }));

  it('LINE-6: nor take away the place that the second try made', () =>
    inWorld(async (world) => {
      const a = world.client({ ttlMs });
      await world.until(a.conclave.session.open());
      a.store.applyLate(entering, 5_000);
      const held = await world.until(a.conclave.lock('x'));
      await world.advance(60_000);
      expect(held.held).toBe(true);
      expect((await world.keys('locks/')).map(({ createRevision }) => createRevision)).toEqual([held.fence]);
      await world.until(held.release());
    }));

  it('LINE-6: a late tryLock that was told "busy" by its second try leaves nothing', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      await world.until(a.conclave.session.open());
      const held = await world.until(b.conclave.lock('x'));
      a.store.applyLate(entering, 5_000);
      expect(await world.until(a.conclave.tryLock('x'))).toBeNull();
      await world.until(held.release());
      await world.advance(12_000);
      expect(a.store.inFlight).toBe(0);
      expect(await world.keys('locks/')).toEqual([]);
    }));

  it('LINE-6: sent twice by the transport, it makes one place and leaves none', () =>
    inWorld(async (world) => {
      const a = world.client({ ttlMs });
      await world.until(a.conclave.session.open());
      a.store.duplicate(entering, 10);
      const held = await world.until(a.conclave.lock('x'));
      await world.advance(100);
      expect(await world.keys('locks/')).toHaveLength(1);
      await world.until(held.release());
      expect(await world.keys('locks/')).toEqual([]);
    }));
});

describe('a waiter', () => {
  it('LINE-7: that never hears of the DELETE looks again after a bound', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const held = await world.until(a.conclave.lock('x'));
      const waiting = b.conclave.lock('x');
      await world.advance(100);
      b.store.dropDeletes = true;
      await world.until(held.release());
      const releasedMs = world.sim.nowMs;
      const next = await world.until(waiting);
      expect(world.sim.nowMs - releasedMs).toBeLessThanOrEqual(10_000);
      expect(next.fence).toBeGreaterThan(held.fence);
      await world.until(next.release());
    }));

  it('LINE-7: whose watches end because history was compacted looks and goes on waiting', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const held = await world.until(a.conclave.lock('x'));
      const waiting = b.conclave.lock('x');
      await world.advance(100);
      for (let i = 0; i < 3; i++) {
        b.store.endWatches();
        await world.advance(100);
        expect(b.store.openWatches).toBe(2);
      }
      await world.until(held.release());
      const releasedMs = world.sim.nowMs;
      await world.until((await world.until(waiting)).release());
      expect(world.sim.nowMs).toBe(releasedMs);
    }));

  it('LINE-7: fails when the store says that watching will never work, and leaves nothing', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      await world.until(a.conclave.lock('x'));
      const waiting = errorOf(b.conclave.lock('x'));
      await world.advance(100);
      b.store.endWatches(new ConclaveError('PERMISSION_DENIED', 'etcdserver: permission denied'));
      expect(await world.until(waiting)).toMatchObject({ code: 'PERMISSION_DENIED' });
      expect(await world.keys('locks/')).toHaveLength(1);
    }));

  it('LINE-4: whose place was deleted fails with LOST, at once', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      await world.until(a.conclave.lock('x'));
      const waiting = errorOf(b.conclave.lock('x'));
      await world.advance(100);
      const [, place] = (await b.conclave.inspectLock('x')).waiters
        .map(({ key }) => key)
        .concat('none')
        .reverse();
      await deleteKey(world, place ?? '');
      const startedMs = world.sim.nowMs;
      expect(await world.until(waiting)).toMatchObject({ code: 'LOST', loss: 'key-deleted' });
      expect(world.sim.nowMs).toBe(startedMs);
    }));

  it('LINE-4: whose lease was revoked fails with SESSION_LOST, though it would be first', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const held = await world.until(a.conclave.lock('x'));
      const waiting = errorOf(b.conclave.lock('x'));
      await world.advance(100);
      await world.truth.leaseRevoke({ id: b.conclave.session.leaseId });
      void held.release();
      expect(await world.until(waiting)).toMatchObject({ code: 'SESSION_LOST', loss: 'server' });
    }));

  it('LINE-4: whose session ends at its deadline fails with SESSION_LOST, within a second of it', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      await world.until(a.conclave.lock('x'));
      const waiting = errorOf(b.conclave.lock('x'));
      await world.advance(100);
      b.store.partition();
      const startedMs = world.sim.nowMs;
      expect(await world.until(waiting)).toMatchObject({ code: 'SESSION_LOST', loss: 'deadline' });
      expect(world.sim.nowMs - startedMs).toBeLessThanOrEqual(ttlMs + 1_000);
      await world.expire(1);
    }));

  it('LINE-4: is not admitted by an answer that it reads after its deadline', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const held = await world.until(a.conclave.lock('x'));
      const waiting = errorOf(b.conclave.lock('x'));
      await world.advance(100);
      // No timer has its turn before the answer comes.
      b.store.delay('txn', { replyMs: 300 });
      await world.until(held.release());
      await world.settle();
      expect((await b.conclave.inspectLock('x')).holder?.leaseId).toBe(b.conclave.session.leaseId);
      b.runtime.jumpWall(ttlMs);
      expect(await world.until(waiting)).toMatchObject({ code: 'SESSION_LOST', loss: 'deadline' });
      await world.expire(1);
    }));

  it('LINE-5: costs one look per hand-over, and only the one behind is woken', () =>
    inWorld(async (world) => {
      const clients = Array.from({ length: 4 }, () => world.client({ ttlMs: 60_000 }));
      const [a, b, c, d] = clients as [
        (typeof clients)[0],
        (typeof clients)[0],
        (typeof clients)[0],
        (typeof clients)[0],
      ];
      const held = await world.until(a.conclave.lock('x'));
      const waiting = [];
      for (const each of [b, c, d]) {
        waiting.push(each.conclave.lock('x'));
        await world.settle();
      }
      // Enter, and the look that follows the watch.
      expect([b, c, d].map(({ store }) => store.counts.txn)).toEqual([2, 2, 2]);
      await world.until(held.release());
      const next = await world.until(waiting[0] as Promise<typeof held>);
      await world.settle();
      expect([b, c, d].map(({ store }) => store.counts.txn)).toEqual([3, 2, 2]);
      expect([b, c, d].map(({ store }) => store.openWatches)).toEqual([0, 2, 2]);
      await world.until(next.release());
      for (const each of waiting.slice(1)) await world.until((await world.until(each)).release());
    }));
});
