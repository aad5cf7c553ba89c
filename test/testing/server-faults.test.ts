import { describe, expect, it } from 'vitest';
import type { Conclave } from '../../src/conclave.js';
import { ConclaveError } from '../../src/core/errors.js';
import { createTestCluster, type TestCluster } from '../../src/testing/index.js';
import { errorOf } from '../support/sim-world.js';

const ttlMs = 5000;

async function withTwo(test: (cluster: TestCluster, a: Conclave, b: Conclave) => Promise<void>): Promise<void> {
  await using cluster = await createTestCluster();
  await test(cluster, await cluster.connect({ ttlMs, name: 'a' }), await cluster.connect({ ttlMs, name: 'b' }));
}

describe('expire', () => {
  it('takes a live lease away: the holder hears of it, a guarded write fails, another gets the lock', () =>
    withTwo(async (cluster, a, b) => {
      const held = await a.lock('x');
      await cluster.advance(1000);
      cluster.expire(a.session);
      cluster.expire(held);
      expect(cluster.keys('locks/')).toEqual([]);
      expect((await b.txn().if(held.guard()).commit()).succeeded).toBe(false);
      await cluster.until(() => held.signal.aborted);
      expect(held.signal.reason).toMatchObject({ code: 'LOST' });
      expect((await b.lock('x')).fence).toBeGreaterThan(held.fence);
    }));

  it('refuses a lease that never was', () =>
    withTwo(async (cluster, a) => {
      expect(() => cluster.expire(a.session)).toThrow(expect.objectContaining({ code: 'LEASE_NOT_FOUND' }));
      expect(() => cluster.expire(7n)).toThrow(expect.objectContaining({ code: 'LEASE_NOT_FOUND' }));
    }));
});

describe('compact', () => {
  it('ends a plain watch that needs the past, and an observer of an election finds out all the same', () =>
    withTwo(async (cluster, a, b) => {
      const seen: (string | undefined)[] = [];
      const stop = new AbortController();
      const observed = (async () => {
        for await (const leader of b.election('e').observe({ signal: stop.signal })) seen.push(leader?.value);
      })().catch(() => {});
      const watch = b.watch({ prefix: 'app/', startRevision: cluster.revision + 1n });
      const watched = errorOf(watch.next());
      const first = await a.election('e').campaign('first');
      await cluster.until(() => seen.at(-1) === 'first');

      cluster.partition(b);
      await first.resign();
      await a.election('e').campaign('second');
      await a.put('app/x', '1');
      cluster.compact();
      cluster.heal(b);

      await cluster.until(() => seen.at(-1) === 'second');
      expect(ConclaveError.is(await cluster.until(watched), 'COMPACTED')).toBe(true);
      stop.abort();
      await observed;
    }));

  it('is harmless twice, on a store without history, and may keep some of it', () =>
    withTwo(async (cluster, a) => {
      cluster.compact();
      cluster.compact();
      await a.put('app/x', '1');
      await a.put('app/x', '2');
      cluster.compact({ back: 1 });
      const before = await a.range({ key: 'app/x', revision: cluster.revision - 1n });
      expect(before.kvs[0]?.value.toString()).toBe('1');
      cluster.compact();
      cluster.compact({ back: 1 });
      const gone = a.range({ key: 'app/x', revision: cluster.revision - 1n });
      expect(await errorOf(gone)).toMatchObject({ code: 'COMPACTED' });
    }));
});

describe('restartServer', () => {
  it('keeps everything that was acknowledged, and what is held', () =>
    withTwo(async (cluster, a, b) => {
      const held = await a.lock('x');
      await a.put('app/x', '1');
      const { revision } = cluster;
      cluster.restartServer();
      expect(cluster.revision).toBe(revision);
      expect((await b.get('app/x'))?.value.toString()).toBe('1');
      await cluster.advance(4 * ttlMs);
      expect(held.held).toBe(true);
      expect(await b.tryLock('x')).toBe(null);
    }));

  it('with a time in between refuses calls, and is over after it or when healed', () =>
    withTwo(async (cluster, a) => {
      const down = cluster.restartServer({ downMs: 2000 });
      expect(await errorOf(a.get('app/x'))).toMatchObject({ code: 'UNAVAILABLE' });
      for (const fault of [() => cluster.compact(), () => cluster.expire(7n), () => cluster.pauseServer(1)]) {
        expect(fault).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }));
      }
      expect(cluster.restartServer({ downMs: 1 })).toBe(down);
      await cluster.advance(2000);
      expect(down.active).toBe(false);
      expect(await a.get('app/x')).toBe(null);
      cluster.restartServer({ downMs: 60_000 });
      cluster.heal();
      expect(await a.get('app/x')).toBe(null);
    }));
});

describe('restoreServer', () => {
  const sinceOf = (cluster: TestCluster, revision: bigint) => Number(cluster.revision - revision);

  it('from a backup without what is held, which the holder hears before anybody else has it', () =>
    withTwo(async (cluster, a, b) => {
      await Promise.all([a.session.open(), b.session.open()]);
      const backup = cluster.revision;
      const [held, leadership] = [await a.lock('x'), await a.election('e').campaign('a')];
      const waiting = errorOf(b.lock('x'));
      const seen: (string | undefined)[] = [];
      const observe = async () => {
        for await (const leader of b.election('e').observe()) seen.push(leader?.value);
      };
      observe().catch(() => {});
      await cluster.advance(1000);
      cluster.restoreServer({ back: sinceOf(cluster, backup) });
      expect([cluster.revision, held.held]).toEqual([backup, true]);
      await cluster.advance(1000);
      for (const lost of [held, leadership]) {
        expect(lost).toMatchObject({ held: false, signal: { reason: { code: 'LOST', loss: 'key-deleted' } } });
      }
      expect(await waiting).toMatchObject({ code: 'LOST' });
      expect(seen).toEqual(['a', undefined]);
      expect((await b.lock('x')).held).toBe(true);
      expect(a.session.alive).toBe(true);
    }));

  it('gives watchers the state of then, and what is registered stands again', () =>
    withTwo(async (cluster, a, b) => {
      await a.config.set('app/limit', 1);
      await a.session.open();
      const backup = cluster.revision;
      await a.registry.register({ service: 'users', id: 'one', address: 'one:80' });
      const limit = await b.config.watch<number>({ key: 'app/limit' });
      const users = b.registry.discover('users', { massExpiry: false });
      await users.ready();
      for (let i = 2; i < 9; i++) await a.config.set('app/limit', i);
      await cluster.advance(100);
      expect(limit.value).toBe(8);
      // The second one is told of a later revision, and shares the watch of the first.
      const watching = [errorOf(b.watch({ key: 'x' }).next())];
      await a.put('y', '');
      watching.push(errorOf(b.watch({ key: 'x' }).next()));
      await cluster.advance(100);
      cluster.restoreServer({ back: sinceOf(cluster, backup), downMs: 500 });
      await cluster.advance(3000);
      expect([limit.value, limit.status, limit.revision]).toEqual([1, 'live', expect.any(BigInt)]);
      expect(users.instances.map(({ id }) => id)).toEqual(['one']);
      expect(cluster.keys('services/')).toEqual(['services/users/one']);
      await a.config.set('app/limit', 5);
      await cluster.advance(100);
      expect(limit.value).toBe(5);
      for (const each of watching) {
        expect(await each).toMatchObject({ code: 'COMPACTED', message: expect.stringContaining('gone back') });
      }
    }));
});

describe('pauseServer', () => {
  it('longer than a lease does not end it: what was held is lost to its holder, and free a TTL later', () =>
    withTwo(async (cluster, a, b) => {
      const held = await a.lock('x');
      const paused = cluster.pauseServer(20_000);
      await cluster.advance(19_999);
      expect(paused.active).toBe(true);
      expect(held.held).toBe(false);
      expect(cluster.keys('locks/')).toEqual([held.key]);
      expect(() => cluster.compact()).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }));
      await cluster.advance(1);
      const second = await cluster.until(b.lock('x'));
      expect(second.fence).toBeGreaterThan(held.fence);
    }));
});

describe('changeLeader', () => {
  it('gives a dead holder’s lease its full time again', () =>
    withTwo(async (cluster, a, b) => {
      await a.lock('x');
      const waiting = b.lock('x');
      await cluster.advance(100);
      cluster.crash(a);
      const crashedMs = cluster.nowMs;
      await cluster.advance(ttlMs - 2000);
      cluster.changeLeader();
      cluster.changeLeader();
      await cluster.until(waiting);
      expect(cluster.nowMs - crashedMs).toBeGreaterThan(2 * ttlMs - 2100);
    }));
});
