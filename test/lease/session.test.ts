import { describe, expect, it } from 'vitest';
import { ConclaveError } from '../../src/core/errors.js';
import { onSessionEnd, type SessionOptions } from '../../src/lease/session.js';
import { etcdError } from '../../src/store/etcd-errors.js';
import { errorOf, inWorld, outcomeOf, type SimWorld } from '../support/sim-world.js';

const ttlMs = 10_000;
/** TTL less the margin. */
const reliableMs = 9_900;

describe('opening a session', () => {
  it('LEASE-5: grants one lease, however many ask at once', () =>
    inWorld(async (world) => {
      const { session, store } = world.client();
      const shared = session();
      await world.until(Promise.all([shared.open(), shared.open(), shared.open()]));
      expect(store.counts.leaseGrant).toBe(1);
      expect(shared.alive).toBe(true);
      await world.until(shared.close());
    }));

  it('LEASE-5: a lost grant reply makes one lease, not two, and is found by its id', () =>
    inWorld(async (world) => {
      const { session, store } = world.client();
      const own = session();
      store.loseReply('leaseGrant');
      await world.until(own.open());
      const { leases } = await world.truth.leaseLeases();
      expect(leases).toEqual([{ id: own.leaseId }]);
      expect(own.remainingMs).toBeLessThanOrEqual(reliableMs);
      await world.until(own.close());
      expect((await world.truth.leaseLeases()).leases).toEqual([]);
    }));

  it('LEASE-5: a lost grant request is sent again', () =>
    inWorld(async (world) => {
      const { session, store } = world.client();
      const own = session();
      store.loseRequest('leaseGrant');
      await world.until(own.open());
      expect((await world.truth.leaseLeases()).leases).toEqual([{ id: own.leaseId }]);
      await world.until(own.close());
    }));

  it('LEASE-5: takes over the lease whose id it is given, with the TTL that it has', () =>
    inWorld(async (world) => {
      const { session } = world.client({ ttlMs });
      await world.truth.leaseGrant({ id: 77n, ttl: 3n });
      const own = session({ leaseId: 77n });
      await world.until(own.open());
      expect(own.ttlMs).toBe(3_000);
      expect(own.remainingMs).toBe(2_900);
      await world.advance(20_000);
      expect(own.alive).toBe(true);
      await world.until(own.close());
    }));

  it('LEASE-1: a slow grant leaves what is left of its time, and a heartbeat comes before that is over', () =>
    inWorld(async (world) => {
      const { session, store } = world.client({ ttlMs: 5_000 });
      const own = session();
      store.delay('leaseGrant', { replyMs: 4_000 });
      await world.until(own.open());
      expect(own.remainingMs).toBe(900);
      await world.advance(20_000);
      expect(own.alive).toBe(true);
      await world.until(own.close());
    }));

  it('LEASE-5: gives up after one TTL of outage, and a later call tries again', () =>
    inWorld(async (world) => {
      const { session, store } = world.client({ ttlMs });
      const own = session();
      store.partition();
      const error = await world.until(errorOf(own.open()));
      expect(error).toMatchObject({ code: 'UNAVAILABLE', outcome: 'unknown' });
      expect(world.sim.nowMs).toBeLessThanOrEqual(ttlMs + 5_000);
      store.heal();
      await world.until(own.open());
      expect(own.alive).toBe(true);
      await world.until(own.close());
    }));

  it('LEASE-5: an answer that is no outage is not asked again', () =>
    inWorld(async (world) => {
      const { session, store } = world.client();
      store.refuse('leaseGrant', etcdError('permissionDenied'));
      expect(await world.until(errorOf(session().open()))).toMatchObject({ code: 'PERMISSION_DENIED' });
      expect(store.counts.leaseGrant).toBe(1);
    }));

  it('LEASE-6: one closed while it opens revokes the lease that comes', () =>
    inWorld(async (world) => {
      const { session, store } = world.client();
      const own = session();
      store.delay('leaseGrant', { requestMs: 1_000, replyMs: 1_000 });
      const opening = outcomeOf(own.open());
      await world.settle();
      await world.until(own.close());
      expect(await opening).toMatchObject({ error: { code: 'SESSION_LOST', loss: 'closed' } });
      expect((await world.truth.leaseLeases()).leases).toEqual([]);
    }));

  it('LEASE-5: an abort lets go of the caller, not of the session', () =>
    inWorld(async (world) => {
      const { session, store } = world.client();
      const own = session();
      store.delay('leaseGrant', { replyMs: 1_000 });
      const controller = new AbortController();
      const impatient = errorOf(own.open({ signal: controller.signal }));
      const patient = own.open();
      await world.settle();
      controller.abort('enough');
      expect(await world.until(impatient)).toBe('enough');
      await world.until(patient);
      expect(own.alive).toBe(true);
      await world.until(own.close());
    }));

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 999, 9_000_000_000_001, '10' as unknown as number])(
    'LEASE-8: a TTL of %s ms is refused before anything is sent',
    (bad) =>
      inWorld(async (world) => {
        const { session, store } = world.client();
        expect(() => session({ ttlMs: bad })).toThrow(expect.objectContaining({ code: 'INVALID_TTL' }));
        expect(store.total).toBe(0);
      }),
  );

  it.each([0n, -1n, 2n ** 63n, 5 as unknown as bigint, '5' as unknown as bigint])(
    'LEASE-8: so is a lease id of %s',
    (leaseId) =>
      inWorld(async (world) => {
        const { session, store } = world.client();
        expect(() => session({ leaseId })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
        expect(store.total).toBe(0);
      }),
  );

  it('LEASE-8: a TTL is rounded up to whole seconds', () =>
    inWorld(async (world) => {
      const { session } = world.client();
      const own = session({ ttlMs: 1_001 });
      expect(own.ttlMs).toBe(2_000);
      await world.until(own.open());
      expect((await world.truth.leaseTimeToLive({ id: own.leaseId })).grantedTtl).toBe(2n);
      await world.until(own.close());
    }));
});

describe('the deadline of a session', () => {
  it('LEASE-1: counts from the moment a heartbeat was sent, not from its answer', () =>
    inWorld(async (world) => {
      const { session, store } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      store.delay('leaseKeepAlive', { replyMs: 2_000 });
      // The beat is sent at TTL / 3 and answered 2 s later.
      await world.advance(ttlMs / 3 + 2_001);
      expect(store.counts.leaseKeepAlive).toBe(1);
      expect(own.remainingMs).toBeCloseTo(reliableMs - 2_001, 3);
      await world.until(own.close());
    }));

  it('LEASE-1: an answer that comes after the deadline does not bring the session back', () =>
    inWorld(async (world) => {
      const { session, store, runtime } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      store.delay('leaseKeepAlive', { replyMs: 2_000 });
      await world.advance(ttlMs / 3 + 1);
      runtime.jumpWall(reliableMs);
      await world.advance(3_000);
      expect(own.alive).toBe(false);
      expect(own.loss).toBe('deadline');
      await world.expire();
    }));

  it('LEASE-2: a stall of the event loop longer than the TTL is seen by the first read, with no timer having run', () =>
    inWorld(async (world) => {
      const { session } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      world.sim.stall(reliableMs - 1);
      expect(own.alive).toBe(true);
      expect(own.remainingMs).toBe(1);
      world.sim.stall(1);
      expect(own.signal.aborted).toBe(false);
      expect(own.alive).toBe(false);
      expect(own.signal.aborted).toBe(true);
      expect(own.signal.reason).toMatchObject({ code: 'SESSION_LOST', loss: 'deadline' });
      await world.expire();
    }));

  it('LEASE-2: a machine that slept is seen by the first read, though its timers did not move', () =>
    inWorld(async (world) => {
      const { session, runtime } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      runtime.suspend(reliableMs);
      expect(own.alive).toBe(false);
      expect(own.loss).toBe('deadline');
      await world.expire();
    }));

  it('LEASE-2: a wall clock set forward counts as time passed, one set back does not give time', () =>
    inWorld(async (world) => {
      const { session, runtime } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      runtime.jumpWall(-3_600_000);
      await world.advance(1_000);
      expect(own.remainingMs).toBe(reliableMs - 1_000);
      const other = session();
      await world.until(other.open());
      runtime.jumpWall(reliableMs);
      expect(other.alive).toBe(false);
      await world.until(own.close());
      await world.expire();
    }));

  it('LEASE-2: once not alive, never alive again, even when the clock is set back', () =>
    inWorld(async (world) => {
      const { session, runtime } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      runtime.jumpWall(3_600_000);
      expect(own.alive).toBe(false);
      runtime.jumpWall(-3_600_000);
      expect(own.alive).toBe(false);
      expect(await errorOf(own.open())).toMatchObject({ code: 'SESSION_LOST', loss: 'deadline' });
      await world.expire();
    }));

  it('LEASE-3: with the network cut the signal aborts at the deadline, before the server ends the lease', () =>
    inWorld(async (world) => {
      const { session, store } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      // The first beat is answered; it sets the deadline.
      await world.advance(ttlMs / 3);
      const sentAtMs = world.sim.nowMs;
      store.partition();
      let endedAtMs: number | undefined;
      onSessionEnd(own, () => {
        endedAtMs = world.sim.nowMs;
      });
      await world.advance(sentAtMs + reliableMs - 1 - world.sim.nowMs);
      expect(endedAtMs).toBeUndefined();
      await world.advance(1);
      expect(endedAtMs).toBeCloseTo(sentAtMs + reliableMs, 3);
      expect(own.loss).toBe('deadline');
      expect((await world.truth.leaseLeases()).leases).toEqual([{ id: own.leaseId }]);
      await world.advance(101);
      expect((await world.truth.leaseLeases()).leases).toEqual([]);
      await world.until(own.close());
    }));
});

describe('the lease of a session that was lost', () => {
  /** A session that hears nothing from its first second on, and a store that then starts every TTL anew. */
  async function lost(world: SimWorld, options: SessionOptions = {}) {
    const client = world.client({ ttlMs });
    const own = client.session(options);
    await world.until(own.open());
    await world.advance(1_000);
    client.store.partition();
    await world.advance(ttlMs - 1_500);
    await world.truth.leaseKeepAlive({ id: own.leaseId });
    return { ...client, own };
  }
  const leases = async (world: SimWorld) => (await world.truth.leaseLeases()).leases.map(({ id }) => id);

  it('LEASE-10: is revoked as soon as the store can be asked, though etcd has started its TTL anew', () =>
    inWorld(async (world) => {
      const { own, store } = await lost(world);
      await world.advance(1_000);
      expect(own.loss).toBe('deadline');
      expect(await leases(world)).toEqual([own.leaseId]);
      store.heal();
      await world.advance(6_000);
      expect(await leases(world)).toEqual([]);
      expect(world.sim.nowMs).toBeLessThan(2 * ttlMs - 500);
    }));

  it('LEASE-10: is not asked to be revoked before it could have ended by itself', () =>
    inWorld(async (world) => {
      const { own, store } = await lost(world);
      await world.advance(reliableMs - world.sim.nowMs + 1);
      expect(own.loss).toBe('deadline');
      await world.advance(ttlMs - 1 - world.sim.nowMs);
      expect(store.counts.leaseRevoke).toBe(0);
      await world.advance(2);
      expect(store.counts.leaseRevoke).toBe(1);
      await world.advance(2 * ttlMs);
    }));

  it('LEASE-10: keeps its reserve, for which nobody is to follow', () =>
    inWorld(async (world) => {
      const { own, store } = await lost(world, { reserveMs: 5_000 });
      await world.advance(reliableMs - world.sim.nowMs + 1);
      expect(own.loss).toBe('deadline');
      store.heal();
      await world.advance(ttlMs + 5_000 - 1 - world.sim.nowMs);
      expect(await leases(world)).toEqual([own.leaseId]);
      await world.advance(2);
      expect(await leases(world)).toEqual([]);
    }));

  it('LEASE-10: is left to end by itself where its id was given, and by close()', () =>
    inWorld(async (world) => {
      const resumed = await lost(world, { leaseId: 7n });
      await world.advance(2_000);
      resumed.store.heal();
      await world.advance(2_000);
      expect(await leases(world)).toEqual([7n]);
      const closed = await lost(world);
      await world.advance(2_000);
      await world.until(closed.own.close());
      closed.store.heal();
      await world.advance(2_000);
      expect(await leases(world)).toContain(closed.own.leaseId);
      await world.expire();
    }));

  it('LEASE-10: is asked for no longer than two TTLs', () =>
    inWorld(async (world) => {
      const { own, store } = await lost(world);
      await world.advance(4 * ttlMs);
      const asked = store.counts.leaseRevoke;
      await world.advance(4 * ttlMs);
      expect(asked).toBeGreaterThan(0);
      expect(store.counts.leaseRevoke).toBe(asked);
      expect(own.loss).toBe('deadline');
    }));
});

describe('the end of a session', () => {
  it('LEASE-4: a heartbeat answered with TTL 0 ends it as lost on the server', () =>
    inWorld(async (world) => {
      const { session } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      await world.truth.leaseRevoke({ id: own.leaseId });
      expect(own.alive).toBe(true);
      await world.advance(ttlMs / 3);
      expect(own.alive).toBe(false);
      expect(own.loss).toBe('server');
    }));

  it('LEASE-4: verify() asks at once', () =>
    inWorld(async (world) => {
      const { session } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      await world.until(own.verify());
      expect(own.alive).toBe(true);
      await world.truth.leaseRevoke({ id: own.leaseId });
      await world.until(own.verify());
      expect(own.loss).toBe('server');
    }));

  it('LEASE-6: close() revokes the lease, and what hangs on it is gone at once', () =>
    inWorld(async (world) => {
      const { session, conclave } = world.client();
      const own = session();
      await world.until(own.open());
      await world.until(conclave.put('k', 'v', { leaseId: own.leaseId }));
      await world.until(own.close());
      expect(await world.keys()).toEqual([]);
      expect(own.signal.reason).toMatchObject({ code: 'SESSION_LOST', loss: 'closed' });
    }));

  it.each(['loseRequest', 'loseReply'] as const)('LEASE-6: close() revokes again after %s', (fault) =>
    inWorld(async (world) => {
      const { session, store } = world.client();
      const own = session();
      await world.until(own.open());
      store[fault]('leaseRevoke');
      await world.until(own.close());
      expect(store.counts.leaseRevoke).toBe(2);
    }),
  );

  it('LEASE-6: close() is bounded when the store does not answer', () =>
    inWorld(async (world) => {
      const { session, store } = world.client({ ttlMs: 60_000 });
      const own = session();
      await world.until(own.open());
      store.partition();
      const startedMs = world.sim.nowMs;
      await world.until(own.close());
      expect(world.sim.nowMs - startedMs).toBe(5_000);
      await world.advance(60_000);
    }));

  it('LEASE-6: closing one that was never opened sends nothing', () =>
    inWorld(async (world) => {
      const { session, store } = world.client();
      const own = session();
      await own.close();
      expect(store.total).toBe(0);
      expect(await errorOf(own.open())).toMatchObject({ code: 'SESSION_LOST', loss: 'closed' });
    }));

  it('LEASE-6: orphan() leaves the lease on the store and stops the heartbeat', () =>
    inWorld(async (world) => {
      const { session, store, runtime } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      own.orphan();
      expect(own.alive).toBe(false);
      expect(runtime.pendingTimers).toBe(0);
      expect((await world.truth.leaseLeases()).leases).toEqual([{ id: own.leaseId }]);
      await world.advance(ttlMs);
      expect(store.counts.leaseKeepAlive).toBe(0);
      expect((await world.truth.leaseLeases()).leases).toEqual([]);
    }));

  it('LEASE-4: tells everybody who asked, once, with the same error', () =>
    inWorld(async (world) => {
      const { session } = world.client();
      const own = session();
      await world.until(own.open());
      const told: unknown[] = [];
      for (let i = 0; i < 50; i++) onSessionEnd(own, (error) => told.push(error));
      const taken = onSessionEnd(own, () => told.push('taken back'));
      taken();
      await world.until(own.close());
      expect(told).toHaveLength(50);
      expect(new Set(told)).toEqual(new Set([own.signal.reason]));
      expect(ConclaveError.is(told[0], 'SESSION_LOST')).toBe(true);
    }));
});
