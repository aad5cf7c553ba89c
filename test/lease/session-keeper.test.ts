import { describe, expect, it } from 'vitest';
import { ConclaveError } from '../../src/core/errors.js';
import { inWorld } from '../support/sim-world.js';

describe('the shared session', () => {
  it('LEASE-9: is one for all, and a fresh one after a loss', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const first = conclave.session;
      expect(conclave.session).toBe(first);
      await world.until(first.open());
      await world.truth.leaseRevoke({ id: first.leaseId });
      await world.until(first.verify());
      const second = conclave.session;
      expect(second).not.toBe(first);
      expect(second.leaseId).not.toBe(first.leaseId);
      await world.until(second.open());
      expect(store.counts.leaseGrant).toBe(2);
    }));

  it('LEASE-9: is fresh after a stall that no timer has told of yet', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs: 5_000 });
      const first = conclave.session;
      await world.until(first.open());
      world.sim.stall(5_000);
      const held = await world.until(conclave.lock('a'));
      expect(held.leaseId).not.toBe(first.leaseId);
      await world.until(held.release());
      await world.expire(1);
    }));

  it('LEASE-9: close() ends every session made there and makes no more', () =>
    inWorld(async (world) => {
      const { context } = world.client();
      const sessions = [context.sessions.current, context.sessions.fresh(), context.sessions.fresh({ ttlMs: 2_000 })];
      await world.until(Promise.all(sessions.map((each) => each.open())));
      expect((await world.truth.leaseLeases()).leases).toHaveLength(3);
      const closed = new ConclaveError('CLOSED', 'closed');
      await world.until(context.sessions.close(closed));
      expect((await world.truth.leaseLeases()).leases).toEqual([]);
      expect(() => context.sessions.current).toThrow(closed);
      expect(() => context.sessions.fresh()).toThrow(closed);
    }));
});
