import { describe, expect, it } from 'vitest';
import type { Conclave } from '../../src/conclave.js';
import { ConclaveError } from '../../src/core/errors.js';
import { createTestCluster, forEachSeed, type TestCluster } from '../../src/testing/index.js';
import { errorOf } from '../support/sim-world.js';

const ttlMs = 5000;

async function withTwo(test: (cluster: TestCluster, a: Conclave, b: Conclave) => Promise<void>): Promise<void> {
  await using cluster = await createTestCluster();
  await test(cluster, await cluster.connect({ ttlMs, name: 'a' }), await cluster.connect({ ttlMs, name: 'b' }));
  cluster.heal();
  await cluster.close();
  expect(cluster.leftBehind({ ignore: ['app/'] })).toEqual({ keys: [], leases: [], watches: 0, timers: 0 });
}

describe('partition', () => {
  it('ends what is held strictly before the server gives it to another client', () =>
    forEachSeed(25, async (cluster) => {
      const a = await cluster.connect({ ttlMs });
      const b = await cluster.connect({ ttlMs });
      const held = await a.lock('x');
      let abortedMs = Number.NaN;
      held.signal.addEventListener('abort', () => {
        abortedMs = cluster.nowMs;
      });
      cluster.partition(a);
      const next = b.lock('x').then((second) => ({ second, held: held.held, atMs: cluster.nowMs }));
      const { second, held: stillHeld, atMs } = await cluster.until(next);
      expect(stillHeld).toBe(false);
      expect(abortedMs).toBeLessThan(atMs);
      expect(second.fence).toBeGreaterThan(held.fence);
      const ended = cluster.history.find((entry) => entry.type === 'note' && entry.fact === 'lease.ended');
      expect(abortedMs).toBeLessThan(ended?.atMs ?? Number.NaN);
    }));

  it('hits what is sent, both ways, and heals by breaking the old connection', () =>
    withTwo(async (cluster, a) => {
      const cut = cluster.partition(a);
      const put = errorOf(a.put('app/x', '1'));
      await cluster.advance(100);
      expect({ active: cut.active, hits: cut.hits, keys: cluster.keys() }).toEqual({ active: true, hits: 1, keys: [] });
      cut.end();
      expect(await put).toMatchObject({ code: 'UNAVAILABLE', outcome: 'unknown' });
      expect(cut.active).toBe(false);
      await a.put('app/x', '2');
      expect(cluster.keys()).toEqual(['app/x']);
    }));

  it('one way carries the request out and loses the answer', () =>
    withTwo(async (cluster, a) => {
      cluster.partition(a, { direction: 'toClient' });
      const error = await cluster.until(errorOf(a.put('app/x', '1')));
      expect(error).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
      expect(cluster.keys()).toEqual(['app/x']);
    }));

  it('is one fault however often it is begun, and leaves the others alone', () =>
    withTwo(async (cluster, a, b) => {
      expect(cluster.partition(a)).toBe(cluster.partition(a));
      await b.put('app/x', '1');
      cluster.heal(b);
      expect(cluster.partition(a).active).toBe(true);
      cluster.heal(a);
      cluster.heal(a);
      await a.put('app/x', '2');
    }));
});

describe('loseNextReply', () => {
  it.each(['reset', 'silently'] as const)('of a lock’s txn (%s) leaves exactly one place', (how) =>
    withTwo(async (cluster, a) => {
      const lost = cluster.loseNextReply(a, { of: 'txn', how });
      const held = await cluster.until(a.lock('x'));
      expect({ hits: lost.hits, active: lost.active }).toEqual({ hits: 1, active: false });
      expect(cluster.keys('locks/')).toEqual([held.key]);
      await cluster.until(held.release());
    }),
  );

  it('of a put tells that the outcome is unknown, though it was done', () =>
    withTwo(async (cluster, a) => {
      cluster.loseNextReply(a);
      expect(await errorOf(a.put('app/x', '1'))).toMatchObject({ code: 'UNAVAILABLE', outcome: 'unknown' });
      expect(cluster.keys()).toEqual(['app/x']);
    }));

  it('counts, takes messages by their name, and leaves heartbeats alone unless they are named', () =>
    withTwo(async (cluster, a) => {
      await a.session.open();
      const lost = cluster.loseNextReply(a, { count: 2 });
      await cluster.advance(3 * ttlMs);
      expect({ hits: lost.hits, alive: a.session.alive }).toEqual({ hits: 0, alive: true });
      expect(ConclaveError.is(await errorOf(a.get('app/x')), 'UNAVAILABLE')).toBe(true);
      expect(ConclaveError.is(await errorOf(a.get('app/x')), 'UNAVAILABLE')).toBe(true);
      expect(await a.get('app/x')).toBe(null);

      const beats = cluster.loseNextReply(a, { of: 'keepAlive', count: 1000, how: 'silently' });
      await cluster.until(() => !a.session.alive);
      expect(beats.hits).toBeGreaterThan(0);
      // The client has given the session up; the store keeps its lease until it runs out.
      await cluster.advance(ttlMs);
    }));

  it('refuses what is no message and no number', () =>
    withTwo(async (cluster, a) => {
      const of = 'lock' as 'txn';
      expect(() => cluster.loseNextReply(a, { of })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
      for (const count of [0, 1.5]) {
        expect(() => cluster.loseNextReply(a, { count })).toThrow(
          expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
        );
      }
    }));
});

describe('loseNextRequest', () => {
  it('keeps it from the store', () =>
    withTwo(async (cluster, a) => {
      const { revision } = cluster;
      cluster.loseNextRequest(a);
      expect(await errorOf(a.put('app/x', '1'))).toMatchObject({ code: 'UNAVAILABLE', outcome: 'unknown' });
      expect(cluster.revision).toBe(revision);
    }));

  it('is taken back by heal', () =>
    withTwo(async (cluster, a) => {
      const lost = cluster.loseNextRequest(a);
      cluster.heal();
      await a.put('app/x', '1');
      expect({ hits: lost.hits, active: lost.active }).toEqual({ hits: 0, active: false });
    }));
});

describe('duplicateNextRequest', () => {
  it('carries it out twice', () =>
    withTwo(async (cluster, a) => {
      const { revision } = cluster;
      cluster.duplicateNextRequest(a);
      await a.put('app/x', '1');
      expect(cluster.revision).toBe(revision + 2n);
      expect((await a.get('app/x'))?.version).toBe(2n);
    }));

  it('of a lock’s txn makes one place', () =>
    withTwo(async (cluster, a) => {
      const doubled = cluster.duplicateNextRequest(a, { of: 'txn' });
      const held = await a.lock('x');
      expect(doubled.hits).toBe(1);
      expect(cluster.keys('locks/')).toEqual([held.key]);
    }));
});

describe('delay', () => {
  it('makes each way longer, until it is healed or changed', () =>
    withTwo(async (cluster, a) => {
      const took = async () => {
        const startMs = cluster.nowMs;
        await a.get('app/x');
        return cluster.nowMs - startMs;
      };
      cluster.delay(a, 400);
      expect(await took()).toBeGreaterThan(800);
      cluster.delay(a, 100);
      const ms = await took();
      expect([ms > 200, ms < 300]).toEqual([true, true]);
      cluster.heal(a);
      expect(await took()).toBeLessThan(10);
    }));
});

describe('delay of almost half a TTL', () => {
  it('costs nobody the session', async () => {
    await using cluster = await createTestCluster();
    const conclave = await cluster.connect({ ttlMs: 2000 });
    const held = await conclave.lock('orders/42');
    cluster.delay(conclave, 440);
    await cluster.advance(60_000);
    expect(held.held).toBe(true);
    await cluster.until(held.release());
  });
});

describe('loseConnection', () => {
  it('fails what is under way, and lets watches go on where they were', () =>
    withTwo(async (cluster, a, b) => {
      const watch = a.watch({ prefix: 'app/' });
      const first = watch.next();
      await cluster.advance(100);
      const slow = cluster.delay(a, 50);
      const reading = errorOf(a.get('app/x'));
      await cluster.advance(10);
      slow.end();
      cluster.loseConnection(a);
      expect(await reading).toMatchObject({ code: 'UNAVAILABLE' });
      await b.put('app/x', '1');
      const batch = await cluster.until(first);
      expect(batch.value?.events.map(({ kv }) => kv.key.toString())).toEqual(['app/x']);
      await watch.return();
    }));
});
