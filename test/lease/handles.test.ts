import { describe, expect, it } from 'vitest';
import { remove } from '../../src/store/ops.js';
import { errorOf, inWorld } from '../support/sim-world.js';

const ttlMs = 6_000;

describe('handles and sessions', () => {
  it('LEASE-13: a thousand handles live on one lease, one heartbeat and one timer, and are lost together', () =>
    inWorld(async (world) => {
      const { conclave, store, runtime } = world.client({ ttlMs });
      await world.until(conclave.session.open());
      const names = Array.from({ length: 500 }, (_, i) => `${i}`);
      const held = await world.until(Promise.all(names.map((name) => conclave.lock(name))));
      const led = await world.until(Promise.all(names.map((name) => conclave.election(name).campaign(name))));
      const handles = [...held, ...led];
      await world.advance(1_000);
      // The heartbeat's; what tells a handle of its own key is a watch.
      expect(runtime.pendingTimers).toBe(1);
      expect(store.openWatches).toBe(1_000);
      const { leaseKeepAlive: before, leaseGrant } = store.counts;
      await world.advance(ttlMs);
      expect(store.counts.leaseKeepAlive - before).toBe(3);
      expect(leaseGrant).toBe(1);
      expect((await world.truth.leaseLeases()).leases).toHaveLength(1);
      expect(new Set(handles.map(({ leaseId }) => leaseId)).size).toBe(1);
      expect(handles.every((each) => each.held)).toBe(true);
      await world.truth.leaseRevoke({ id: conclave.session.leaseId });
      await world.advance(100);
      expect(handles.some((each) => each.held)).toBe(false);
      expect(handles.every(({ signal }) => signal.aborted)).toBe(true);
    }));

  it('LEASE-11: a session of its own has its own lease, TTL and fate; recipes take it as { session }', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const own = await world.until(conclave.newSession({ ttlMs: 20_000 }));
      expect([own.alive, own.ttlMs]).toEqual([true, 20_000]);
      const [ofOwn, shared] = [
        await world.until(conclave.lock('a', { session: own })),
        await world.until(conclave.lock('b')),
      ];
      const led = await world.until(conclave.election('e').campaign('x', { session: own }));
      expect([ofOwn.leaseId, led.leaseId]).toEqual([own.leaseId, own.leaseId]);
      expect(shared.leaseId).not.toBe(own.leaseId);
      await world.until(own.close());
      expect([ofOwn.held, led.held, shared.held]).toEqual([false, false, true]);
      expect(await world.keys()).toHaveLength(1);
      // Never silently another one: who asks with it is told.
      const error = await world.until(errorOf(conclave.lock('a', { session: own })));
      expect(error).toMatchObject({ code: 'SESSION_LOST', loss: 'closed' });
      // The default TTL is the connection's.
      expect((await world.until(conclave.newSession())).ttlMs).toBe(ttlMs);
    }));

  it('LEASE-11: one that does not come about leaves no lease, and ends with the connection at the latest', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      expect(await world.until(errorOf(conclave.newSession({ ttlMs: 1 })))).toMatchObject({ code: 'INVALID_TTL' });
      const aborts = new AbortController();
      store.delay('leaseGrant', { requestMs: 500, replyMs: 500 });
      const error = errorOf(conclave.newSession({ signal: aborts.signal }));
      await world.settle();
      aborts.abort('enough');
      expect(await world.until(error)).toBe('enough');
      await world.advance(2_000);
      expect(world.host.stats().leases).toBe(0);
      const last = await world.until(conclave.newSession());
      await world.until(conclave.close());
      expect(last.loss).toBe('closed');
      expect(world.host.stats().leases).toBe(0);
      expect(await errorOf(conclave.newSession())).toMatchObject({ code: 'CLOSED' });
    }));

  it('LEASE-11: with the lease id of an earlier life it takes that lease over, keys and all', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      await world.until(a.conclave.lock('x'));
      const { leaseId } = a.conclave.session;
      a.conclave.session.orphan();
      await world.advance(3_000);
      const again = await world.until(b.conclave.newSession({ leaseId }));
      await world.advance(30_000);
      expect([again.alive, (await world.keys()).length]).toEqual([true, 1]);
      await world.until(again.close());
      expect(await world.keys()).toEqual([]);
    }));

  it('LEASE-12: a loss says what happened, each in its own words', () =>
    inWorld(async (world) => {
      const clients = Array.from({ length: 5 }, () => world.client({ ttlMs }));
      const led = [];
      for (const [i, { conclave }] of clients.entries()) {
        led.push(await world.until(conclave.election(`${i}`).campaign('x')));
      }
      await world.advance(500);
      const [cut, revoked, deleted, resumed, closed] = led as [
        (typeof led)[0],
        (typeof led)[0],
        (typeof led)[0],
        (typeof led)[0],
        (typeof led)[0],
      ];
      const other = world.client({ ttlMs });
      clients[0]?.store.partition();
      clients[1]?.store.partitionAt('txn');
      await world.truth.leaseRevoke({ id: revoked.leaseId });
      await world.until(clients[1]?.conclave.session.verify() ?? Promise.resolve());
      await world.truth.txn({ success: [remove(deleted.key)] });
      await world.until(other.conclave.election('3').resume(resumed));
      await world.until(clients[4]?.conclave.session.close() ?? Promise.resolve());
      await world.advance(ttlMs);
      expect(led.map(({ held }) => held)).toEqual([false, false, false, false, false]);
      expect(led.map(({ signal }) => [signal.reason.code, signal.reason.loss])).toEqual([
        ['SESSION_LOST', 'deadline'],
        // Its own watch may be first to tell.
        [expect.stringMatching(/^(SESSION_)?LOST$/), expect.stringMatching(/^(server|key-deleted)$/)],
        ['LOST', 'key-deleted'],
        ['LOST', 'taken-over'],
        ['SESSION_LOST', 'closed'],
      ]);
      expect(new Set(led.map(({ signal }) => signal.reason.message)).size).toBe(5);
      expect(clients[1]?.conclave.session.loss ?? 'server').toBe('server');
      expect(cut.loss).toBe('deadline');
      expect(closed.loss).toBe('closed');
      clients[1]?.store.heal();
      await world.expire(3);
    }));
});
