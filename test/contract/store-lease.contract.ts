import { beforeEach, describe, expect, it } from 'vitest';
import { utf8Text } from '../../src/core/bytes.js';
import { randomInt63 } from '../../src/core/runtime.js';
import { EventType } from '../../src/store/messages.js';
import type { Backend } from '../support/backends.js';
import { watchLog } from '../support/watch-log.js';
import { expectRefusal, type Fixture, fixture, grant } from './store-fixture.js';

/** What leases must do. */
export function leaseContract(backend: Backend): void {
  describe('lease', () => {
    const open = fixture(backend);
    let at: Fixture;
    beforeEach(async () => {
      at = await open();
    });

    it('is granted with the id asked for, and at least the TTL asked for', async () => {
      const id = randomInt63(at.runtime);
      const granted = await at.store.leaseGrant({ id, ttl: 30n });
      expect(granted.id).toBe(id);
      expect(granted.ttl).toBeGreaterThanOrEqual(30n);
      await at.store.leaseRevoke({ id });
    });

    it('gets an id of its own where none is asked for', async () => {
      const ids = [await grant(at.store), await grant(at.store)];
      expect(ids[0]).not.toBe(ids[1]);
      expect(ids.every((id) => id > 0n)).toBe(true);
      for (const id of ids) await at.store.leaseRevoke({ id });
    });

    it('is refused with LEASE_EXISTS for an id in use: so a grant whose answer was lost can be found out', async () => {
      const id = await grant(at.store);
      await expectRefusal(at.store.leaseGrant({ id, ttl: 30n }), 'LEASE_EXISTS', 'lease already exists');
      await at.store.leaseRevoke({ id });
      expect((await at.store.leaseGrant({ id, ttl: 30n })).id).toBe(id);
      await at.store.leaseRevoke({ id });
    });

    it('is refused with INVALID_TTL where it would last too long', async () => {
      await expectRefusal(at.store.leaseGrant({ ttl: 9_000_000_001n }), 'INVALID_TTL', 'too large lease TTL');
    });

    it('heartbeat: tells the TTL, and 0 once the lease is gone', async () => {
      const id = await grant(at.store, 30n);
      expect(await at.store.leaseKeepAlive({ id })).toMatchObject({ id, ttl: 30n });
      await at.store.leaseRevoke({ id });
      expect((await at.store.leaseKeepAlive({ id })).ttl).toBe(0n);
    });

    it('heartbeat: of many leases at once each hears its own', async () => {
      const ids = await Promise.all(Array.from({ length: 10 }, (_, i) => grant(at.store, BigInt(30 + i))));
      const beats = await Promise.all(ids.map((id) => at.store.leaseKeepAlive({ id })));
      expect(beats.map(({ id, ttl }) => ({ id, ttl }))).toEqual(ids.map((id, i) => ({ id, ttl: BigInt(30 + i) })));
      await Promise.all(ids.map((id) => at.store.leaseRevoke({ id })));
    });

    it('revoked, takes all its keys away in one revision', async () => {
      const id = await grant(at.store);
      for (const name of ['b', 'a', 'c']) await at.put(name, '', { lease: id });
      await at.put('other');
      const log = watchLog(at.store, at.within());
      await log.created;
      await at.store.leaseRevoke({ id });
      const events = await log.first(3);
      expect(events.map(({ kv }) => utf8Text(kv.key).slice(at.prefix.length)).sort()).toEqual(['a', 'b', 'c']);
      expect(new Set(events.map(({ kv }) => kv.modRevision)).size).toBe(1);
      expect(log.batches).toHaveLength(1);
      expect(await at.all()).toMatchObject({ count: 1n });
    });

    it('does not take a key away that was put without it since', async () => {
      const id = await grant(at.store);
      await at.put('a', '', { lease: id });
      await at.put('a', 'free');
      await at.store.leaseRevoke({ id });
      expect(await at.all()).toMatchObject({ count: 1n });
    });

    it('cannot be revoked twice', async () => {
      const id = await grant(at.store);
      await at.store.leaseRevoke({ id });
      await expectRefusal(at.store.leaseRevoke({ id }), 'LEASE_NOT_FOUND', 'requested lease not found');
    });

    it('tells time left, what was granted and its keys; -1 where there is none', async () => {
      const id = await grant(at.store, 30n);
      await at.put('a', '', { lease: id });
      const told = await at.store.leaseTimeToLive({ id, keys: true });
      expect(told).toMatchObject({ id, grantedTtl: 30n });
      expect(told.ttl >= 0n && told.ttl <= 30n).toBe(true);
      expect(told.keys.map(utf8Text)).toEqual([`${at.prefix}a`]);
      expect((await at.store.leaseTimeToLive({ id })).keys).toEqual([]);
      await at.store.leaseRevoke({ id });
      expect((await at.store.leaseTimeToLive({ id })).ttl).toBe(-1n);
    });

    it('is listed while it lives', async () => {
      const id = await grant(at.store);
      const listed = async () => (await at.store.leaseLeases()).leases.some((lease) => lease.id === id);
      expect(await listed()).toBe(true);
      await at.store.leaseRevoke({ id });
      expect(await listed()).toBe(false);
    });

    it('ends by itself without a heartbeat, and its keys with it', async () => {
      const { id, ttl } = await at.store.leaseGrant({ ttl: 1n });
      const log = watchLog(at.store, at.within());
      await log.created;
      await at.put('a', '', { lease: id });
      const [, event] = await log.first(2);
      expect(event).toMatchObject({ type: EventType.delete });
      expect(ttl).toBeGreaterThanOrEqual(1n);
      expect((await at.store.leaseKeepAlive({ id })).ttl).toBe(0n);
    });
  });
}
