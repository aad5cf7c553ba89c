import { describe, expect, it } from 'vitest';
import type { Conclave } from '../../src/conclave.js';
import type { Held } from '../../src/line/held.js';
import { createTestCluster, type TestCluster } from '../../src/testing/index.js';

const ttlMs = 5000;

/** `a` holds the lock `x`, `b` is another client. */
async function whileHeld(
  test: (cluster: TestCluster, a: Conclave, b: Conclave, held: Held) => Promise<void>,
): Promise<void> {
  await using cluster = await createTestCluster();
  const a = await cluster.connect({ ttlMs, name: 'a' });
  const b = await cluster.connect({ ttlMs, name: 'b' });
  await test(cluster, a, b, await a.lock('x'));
}

describe.each(['pause', 'stall'] as const)('%s', (fault) => {
  it('longer than the lease: `held` is false when first read, though no timer of it has run', () =>
    whileHeld(async (cluster, a, b, held) => {
      cluster[fault](a, 20_000);
      const second = await cluster.until(b.lock('x'));
      expect(held.signal.aborted).toBe(false);
      expect(held.held).toBe(false);
      expect(held.signal.aborted).toBe(true);
      expect(cluster.nowMs).toBeLessThan(20_000);
      expect(second.held).toBe(true);
    }));

  it('shorter than the lease costs nothing', () =>
    whileHeld(async (cluster, a, _, held) => {
      cluster[fault](a, 3000);
      await cluster.advance(60_000);
      expect(held.held).toBe(true);
    }));

  it('holds timers and answers back until it is over', () =>
    whileHeld(async (cluster, a) => {
      const seen: string[] = [];
      const standing = cluster[fault](a, 1000);
      const startMs = cluster.nowMs;
      cluster.runtimeOf(a).setTimer(10, () => seen.push('timer'));
      const read = a.get('app/x').then(() => seen.push('answer'));
      await cluster.advance(999);
      expect(seen).toEqual([]);
      await cluster.until(read);
      await cluster.advance(0);
      expect(cluster.nowMs - startMs).toBeLessThan(1005);
      expect(seen).toEqual(fault === 'stall' ? ['timer', 'answer'] : ['answer', 'timer']);
      expect(standing.active).toBe(false);
    }));
});

describe('pause', () => {
  it('twice lasts until the later end, and heal ends it at once', () =>
    whileHeld(async (cluster, a) => {
      const startMs = cluster.nowMs;
      const first = cluster.pause(a, 1000);
      await cluster.advance(500);
      expect(cluster.pause(a, 2000)).toBe(first);
      expect(cluster.pause(a, 10)).toBe(first);
      await cluster.until(() => !first.active);
      expect(cluster.nowMs - startMs).toBe(2500);
      const second = cluster.pause(a, 60_000);
      cluster.heal(a);
      expect(second.active).toBe(false);
      await a.get('app/x');
      expect(cluster.pause(a, 0).active).toBe(false);
    }));
});

describe('suspend', () => {
  it('is noticed though the monotonic clock stood still', () =>
    whileHeld(async (cluster, a, _, held) => {
      const runtime = cluster.runtimeOf(a);
      const before = runtime.clocks();
      cluster.suspend(a, 20_000);
      await cluster.advance(20_001);
      const after = runtime.clocks();
      expect(after.monotonicMs - before.monotonicMs).toBeLessThan(10);
      expect(after.wallMs - before.wallMs).toBeGreaterThan(19_999);
      expect(held.held).toBe(false);
    }));
});

describe('jumpClock', () => {
  it('forward ends what is held, too early rather than too late; back does not keep it', () =>
    whileHeld(async (cluster, a, b, held) => {
      cluster.jumpClock(a, 3_600_000);
      expect(held.held).toBe(false);
      await cluster.until(() => cluster.keys('locks/').length === 0);

      const again = await b.lock('x');
      cluster.jumpClock(b, -3_600_000);
      expect(again.held).toBe(true);
      cluster.partition(b);
      await cluster.advance(ttlMs);
      expect(again.held).toBe(false);
    }));
});

describe('crash', () => {
  it('gives nothing back: another takes over when the lease has run out', () =>
    whileHeld(async (cluster, a, b, held) => {
      const waiting = b.lock('x');
      await cluster.advance(100);
      const crashedMs = cluster.nowMs;
      cluster.crash(a);
      cluster.crash(a);
      await cluster.advance(2000);
      expect(cluster.keys('locks/')).toContain(held.key);
      const second = await cluster.until(waiting);
      expect(cluster.nowMs - crashedMs).toBeGreaterThan(ttlMs - 2000);
      expect(cluster.nowMs - crashedMs).toBeLessThan(ttlMs + 100);
      expect(second.fence).toBeGreaterThan(held.fence);
    }));

  it('lets nothing of it happen any more, and its connection be closed without a wait', () =>
    whileHeld(async (cluster, a) => {
      let settled = false;
      const onSettled = () => {
        settled = true;
      };
      void a.get('app/x').then(onSettled, onSettled);
      cluster.crash(a);
      cluster.pause(a, 1000);
      cluster.partition(a);
      await cluster.advance(60_000);
      expect(settled).toBe(false);
      const beforeMs = cluster.nowMs;
      await a.close();
      expect(cluster.nowMs).toBe(beforeMs);
      expect(cluster.leftBehind()).toEqual({ keys: [], leases: [], watches: 0, timers: 0 });
    }));
});
