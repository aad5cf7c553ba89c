import { describe, expect, it } from 'vitest';
import type { ConclaveError } from '../../src/core/errors.js';
import type { Held } from '../../src/line/held.js';
import { etcdError } from '../../src/store/etcd-errors.js';
import { remove } from '../../src/store/ops.js';
import { type Client, errorOf, inWorld, outcomeOf } from '../support/sim-world.js';

const ttlMs = 60_000;

describe('within', () => {
  it('LOCK-14: takes the lock once more, asks the store nothing, and lets go of nothing', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      const outer = await world.until(conclave.lock('x'));
      const before = store.total;
      const inner = await world.until(conclave.lock('x', { within: outer }));
      const tried = await world.until(conclave.tryLock('x', { within: inner === null ? undefined : outer }));
      expect([inner.held, tried?.held, inner.fence === outer.fence, inner.key === outer.key]).toEqual([
        true,
        true,
        true,
        true,
      ]);
      await world.until(inner.release());
      expect(inner.signal.reason).toMatchObject({ code: 'RELEASED' });
      expect([inner.held, tried?.held, outer.held]).toEqual([false, true, true]);
      expect(await errorOf(inner.release())).toMatchObject({ code: 'RELEASED' });
      expect(store.total).toBe(before);
      expect(await world.until(conclave.withLock('x', { within: outer }, (held) => held.fence))).toBe(outer.fence);
      await world.until(outer.release());
      expect([tried?.held, tried?.signal.aborted]).toEqual([false, true]);
    }));

  it('LOCK-14: ends with the outer hold, and says why', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const outer = await world.until(conclave.lock('x'));
      const losses: (string | undefined)[] = [];
      const work = errorOf(
        conclave.withLock('x', { within: outer }, async (held) => {
          held.onLost(({ loss }) => losses.push(loss));
          await world.truth.txn({ success: [remove(outer.key)] });
          await new Promise((resolve) => held.signal.addEventListener('abort', resolve));
        }),
      );
      expect(await world.until(work)).toMatchObject({ code: 'LOST', loss: 'key-deleted' });
      expect(losses).toEqual(['key-deleted']);
      expect(await errorOf(conclave.lock('x', { within: outer }))).toMatchObject({ code: 'LOST' });
    }));

  it('LOCK-14: is refused for another lock, a reader that would write, and what was released', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const [x, reader] = [await world.until(conclave.lock('x')), await world.until(conclave.rwLock('r').read())];
      const refused = { code: 'INVALID_ARGUMENT' };
      expect(await errorOf(conclave.lock('y', { within: x }))).toMatchObject(refused);
      expect(await errorOf(conclave.lock('r', { within: reader }))).toMatchObject(refused);
      const inner = await world.until(conclave.lock('x', { within: x }));
      expect(await errorOf(conclave.lock('x', { within: inner }))).toMatchObject(refused);
      expect((await world.until(conclave.rwLock('x').read({ within: x }))).mode).toBe('read');
      expect((await world.until(conclave.rwLock('r').read({ within: reader }))).held).toBe(true);
      expect(await errorOf((await conclave.rwLock('x').write({ within: x })).downgrade())).toMatchObject({
        code: 'UNSUPPORTED',
      });
      await world.until(x.release());
      expect(await errorOf(conclave.lock('x', { within: x }))).toMatchObject({ code: 'RELEASED' });
      await world.until(reader.release());
    }));
});

describe('maxHoldMs', () => {
  it('LOCK-15: it is lost when the time is over, and free a second later', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const held = await world.until(a.conclave.lock('x', { maxHoldMs: 2_000 }));
      const heldMs = world.sim.nowMs;
      const next = b.conclave.lock('x');
      await world.advance(1_999);
      expect([held.held, held.remainingMs]).toEqual([true, 1]);
      await world.advance(1);
      expect([held.held, held.signal.aborted]).toEqual([false, true]);
      expect(held.signal.reason).toMatchObject({ code: 'LOST', loss: 'max-hold' });
      await world.until((await world.until(next)).release());
      expect(world.sim.nowMs).toBe(heldMs + 3_000);
    }));

  it('LOCK-15: a release after it frees the lock at once, and the work rejects with the loss', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const done = errorOf(
        a.conclave.withLock('x', { maxHoldMs: 500 }, (held) => {
          return new Promise((resolve) => held.signal.addEventListener('abort', () => resolve('stopped')));
        }),
      );
      await world.advance(100);
      const next = b.conclave.lock('x');
      expect(await world.until(done)).toMatchObject({ code: 'LOST', loss: 'max-hold' });
      await world.until((await world.until(next)).release());
      expect(world.sim.nowMs).toBe(500);
    }));

  it('LOCK-15: counts though no timer had its turn', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const held = await world.until(conclave.lock('x', { maxHoldMs: 500 }));
      world.sim.stall(600);
      expect(held.held).toBe(false);
      await world.advance(2_000);
      expect(await world.keys('locks/')).toEqual([]);
    }));

  it('LOCK-15, LOCKALL-5: what the store refuses to take away goes with the session, and is nobody’s rejection', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      const held = [
        await world.until(conclave.lock('x', { maxHoldMs: 500 })),
        await world.until(conclave.lockAll(['y', 'z'], { maxHoldMs: 500 })),
      ];
      for (let i = 0; i < 2; i++) store.refuse('txn', etcdError('permissionDenied'));
      await world.advance(2_000);
      expect([held.map((each) => each.held), store.pendingFaults]).toEqual([[false, false], 0]);
      expect(await world.keys('locks/')).toHaveLength(3);
    }));

  it.each([0, -1, Number.NaN])('LOCK-15: %s is refused', (maxHoldMs) =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      expect(await errorOf(conclave.lock('x', { maxHoldMs }))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(await errorOf(conclave.tryLock('x', { maxHoldMs }))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(store.total).toBe(0);
    }),
  );
});

describe('lockDelayMs', () => {
  /** Milliseconds from the moment at which the holder knows of its loss to the next one’s turn. */
  async function gapMs(lockDelayMs: number | undefined): Promise<number> {
    let gap = -1;
    await inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs: 5_000 }), world.client({ ttlMs })];
      const held = await world.until(a.conclave.lock('x', { lockDelayMs }));
      const lost = new Promise<number>((resolve) => held.onLost(() => resolve(world.sim.nowMs)));
      const waiting = b.conclave.lock('x');
      await world.advance(1_000);
      a.store.partition();
      const lostMs = await world.until(lost);
      expect(held.held).toBe(false);
      const next = await world.until(waiting);
      gap = world.sim.nowMs - lostMs;
      a.store.heal();
      await world.until(next.release());
    });
    return gap;
  }

  it('LOCK-16: nobody gets it for that long after its holder knows of the loss', async () => {
    expect(await gapMs(15_000)).toBeGreaterThanOrEqual(15_000);
    expect(await gapMs(15_000)).toBeLessThan(17_000);
    expect(await gapMs(undefined)).toBeLessThan(2_000);
  });

  it('LOCK-16: a release frees it at once, and it stays held as long as heartbeats are answered', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs: 5_000 }), world.client({ ttlMs })];
      const held = await world.until(a.conclave.lock('x', { lockDelayMs: 60_000 }));
      const waiting = b.conclave.lock('x');
      await world.advance(120_000);
      expect(held.held).toBe(true);
      await world.until(held.release());
      const releasedMs = world.sim.nowMs;
      await world.until((await world.until(waiting)).release());
      expect(world.sim.nowMs).toBe(releasedMs);
    }));

  it('LOCK-16: locks with one delay share a lease; who does not ask for it has the usual one', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      const helds = [];
      for (const lockDelayMs of [undefined, 1_000, 1_000, 0]) {
        helds.push(await world.until(conclave.lock(`x${helds.length}`, { lockDelayMs })));
      }
      expect(store.counts).toMatchObject({ leaseGrant: 2, txn: 4 });
      expect(helds.map(({ leaseId }) => leaseId === conclave.session.leaseId)).toEqual([true, false, false, true]);
      for (const each of helds) await world.until(each.release());
    }));

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('LOCK-16: %s is refused', (lockDelayMs) =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      expect(await errorOf(conclave.lock('x', { lockDelayMs }))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(store.total).toBe(0);
    }),
  );

  it('LOCK-16: is refused together with a session', () =>
    inWorld(async (world) => {
      const client: Client = world.client();
      const error = errorOf(client.conclave.lock('x', { lockDelayMs: 1, session: client.session() }));
      expect(await error).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }));
});

describe('onLost', () => {
  it('LOCK-17: tells of a loss once, also who asks late, and not who has taken the listener away', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const held = await world.until(conclave.lock('x'));
      const told: string[] = [];
      const listener = (name: string) => (error: ConclaveError) => told.push(`${name}: ${error.loss}`);
      held.onLost(listener('first'));
      held.onLost(listener('second'))();
      await world.truth.leaseRevoke({ id: held.leaseId });
      await world.advance(200);
      held.onLost(listener('late'));
      await world.advance(10_000);
      expect(told).toEqual(['first: key-deleted', 'late: key-deleted']);
    }));

  it('LOCK-17: tells of no release', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      let told = 0;
      let kept: Held | undefined;
      await world.until(
        conclave.withLock('x', (held) => {
          kept = held;
          held.onLost(() => {
            told += 1;
          });
        }),
      );
      kept?.onLost(() => {
        told += 1;
      });
      expect(told).toBe(0);
      expect(await outcomeOf(Promise.resolve(kept?.held))).toEqual({ value: false });
    }));
});
