import { describe, expect, it } from 'vitest';
import { etcdError } from '../../src/store/etcd-errors.js';
import { inWorld } from '../support/sim-world.js';

const ttlMs = 9_000;

describe('the heartbeat of a session', () => {
  it('LEASE-7: comes every third of the TTL, however long the session lives', () =>
    inWorld(async (world) => {
      const { session, store } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      await world.advance(90_000);
      expect(store.counts.leaseKeepAlive).toBe(30);
      expect(own.alive).toBe(true);
      await world.until(own.close());
    }));

  it('LEASE-7: one that hangs is given up in time for another', () =>
    inWorld(async (world) => {
      const { session, store } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      store.delay('leaseKeepAlive', { requestMs: 3_600_000 });
      await world.advance(ttlMs);
      expect(own.alive).toBe(true);
      expect(store.counts.leaseKeepAlive).toBeGreaterThan(1);
      await world.until(own.close());
      await world.advance(3_600_000);
    }));

  it('LEASE-7: with a TTL of 2 s one that hangs has half a second, in which its endpoint is known as silent', () =>
    inWorld(async (world) => {
      const { session, store } = world.client({ ttlMs: 2_000 });
      const own = session();
      await world.until(own.open());
      store.delay('leaseKeepAlive', { replyMs: 490 });
      await world.advance(2_000 / 3 + 495);
      expect(store.counts.leaseKeepAlive).toBe(1);
      expect(own.remainingMs).toBeGreaterThan(1_000);
      await world.until(own.close());
    }));

  it('LEASE-7: with a TTL of 2 s a session lives on round trips of 0.9 s, whose answers come after the next beat', () =>
    inWorld(async (world) => {
      const { session, store } = world.client({ ttlMs: 2_000 });
      const own = session();
      await world.until(own.open());
      for (let i = 0; i < 400; i++) store.delay('leaseKeepAlive', { requestMs: 450, replyMs: 450 });
      await world.advance(60_000);
      expect(own.alive).toBe(true);
      expect(store.counts.leaseKeepAlive).toBeGreaterThan(60);
      await world.until(own.close());
      await world.advance(2_000);
    }));

  it('LEASE-1: an answer that is overtaken by that of a later beat does not move the deadline back', () =>
    inWorld(async (world) => {
      const { session, store } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      store.delay('leaseKeepAlive', { replyMs: 4_000 });
      await world.advance(3_000 + 4_000 - 1);
      expect(store.counts.leaseKeepAlive).toBe(2);
      const before = own.remainingMs;
      await world.advance(2);
      expect(before - own.remainingMs).toBe(2);
      await world.until(own.close());
    }));

  it('LEASE-7: comes sooner after a failed one, and an error alone never ends the session', () =>
    inWorld(async (world) => {
      const { session, store } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      for (let i = 0; i < 5; i++) store.loseRequest('leaseKeepAlive');
      store.refuse('leaseKeepAlive', etcdError('invalidAuthToken'));
      await world.advance(ttlMs);
      expect(store.pendingFaults).toBe(0);
      expect(own.alive).toBe(true);
      await world.until(own.close());
    }));

  it('LEASE-7: is never sent while another is under way, verify() included', () =>
    inWorld(async (world) => {
      const { session, store } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      store.delay('leaseKeepAlive', { replyMs: 1_000 });
      await world.advance(ttlMs / 3);
      expect(store.counts.leaseKeepAlive).toBe(1);
      const verified = Promise.all([own.verify(), own.verify(), own.verify()]);
      await world.settle();
      expect(store.counts.leaseKeepAlive).toBe(1);
      await world.until(verified);
      expect(store.counts.leaseKeepAlive).toBe(2);
      await world.until(own.close());
    }));

  it('LEASE-4: verify() does not take an answer for its own that was asked before', () =>
    inWorld(async (world) => {
      const { session, store } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      store.delay('leaseKeepAlive', { replyMs: 1_000 });
      await world.advance(ttlMs / 3);
      await world.truth.leaseRevoke({ id: own.leaseId });
      await world.until(own.verify());
      expect(own.loss).toBe('server');
    }));

  it('LEASE-3: after a stall the late timer ends the session before anything is sent', () =>
    inWorld(async (world) => {
      const { session, store } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      world.sim.stall(ttlMs);
      await world.advance(0);
      expect(own.signal.aborted).toBe(true);
      expect(store.counts.leaseKeepAlive).toBe(0);
      await world.expire();
    }));

  it('LEASE-3: after a stall shorter than the TTL it beats at once', () =>
    inWorld(async (world) => {
      const { session, store } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      world.sim.stall(ttlMs - 1_000);
      await world.advance(0);
      expect(store.counts.leaseKeepAlive).toBe(1);
      expect(own.remainingMs).toBe(ttlMs - 100);
      await world.until(own.close());
    }));

  it('LEASE-3: after the machine slept the signal aborts within a second, however long the TTL is', () =>
    inWorld(async (world) => {
      const { session, runtime, store } = world.client({ ttlMs: 3_600_000 });
      const own = session();
      await world.until(own.open());
      await world.advance(10_500);
      runtime.suspend(3_600_000);
      expect(own.signal.aborted).toBe(false);
      await world.advance(1_000);
      expect(own.signal.aborted).toBe(true);
      expect(store.counts.leaseKeepAlive).toBe(0);
      // The lease itself knows nothing of the sleep.
      await world.advance(36_000);
      expect((await world.truth.leaseLeases()).leases).toEqual([]);
    }));

  it('LEASE-7: after a sleep shorter than the TTL it beats within a second', () =>
    inWorld(async (world) => {
      const { session, runtime, store } = world.client({ ttlMs: 3_600_000 });
      const own = session();
      await world.until(own.open());
      runtime.suspend(1_800_000);
      await world.advance(1_000);
      expect(store.counts.leaseKeepAlive).toBe(1);
      expect(own.remainingMs).toBeGreaterThan(3_500_000);
      await world.until(own.close());
    }));

  it('LEASE-4: LEASE_NOT_FOUND ends the session', () =>
    inWorld(async (world) => {
      const { session, store } = world.client({ ttlMs });
      const own = session();
      await world.until(own.open());
      store.refuse('leaseKeepAlive', etcdError('leaseNotFound'));
      await world.advance(ttlMs / 3);
      expect(own.loss).toBe('server');
      await world.advance(ttlMs);
    }));
});
