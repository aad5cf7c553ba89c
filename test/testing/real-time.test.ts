import { describe, expect, it } from 'vitest';
import { createTestCluster } from '../../src/testing/index.js';
import { expectNoLeaks } from '../support/leaks.js';
import { errorOf } from '../support/sim-world.js';

describe('real time', () => {
  expectNoLeaks();

  it('needs nobody to move it: locks are handed over, and clocks are the host’s', async () => {
    const cluster = await createTestCluster({ time: 'real' });
    const a = await cluster.connect();
    const b = await cluster.connect();
    const held = await a.lock('x');
    const waiting = b.lock('x');
    await cluster.until(async () => (await a.inspectLock('x')).waiters.length === 1);
    await held.release();
    expect((await waiting).fence).toBeGreaterThan(held.fence);
    expect(Math.abs(cluster.runtimeOf(a).clocks().wallMs - Date.now())).toBeLessThan(2000);
    await cluster.close();
    expect(cluster.leftBehind()).toEqual({ keys: [], leases: [], watches: 0, timers: 0 });
  });

  it('has the same faults: a lost reply, an expired lease, a standstill, a crash', async () => {
    const cluster = await createTestCluster({ time: 'real' });
    const a = await cluster.connect({ ttlMs: 2000 });
    const b = await cluster.connect({ ttlMs: 2000 });
    const lost = cluster.loseNextReply(a, { of: 'txn' });
    const held = await a.lock('x');
    expect({ hits: lost.hits, places: cluster.keys('locks/') }).toEqual({ hits: 1, places: [held.key] });

    cluster.expire(held);
    const second = await b.lock('x');
    expect(second.fence).toBeGreaterThan(held.fence);

    const pause = cluster.pause(b, 50);
    await cluster.until(() => !pause.active);
    expect(second.held).toBe(true);

    const waiting = a.lock('x');
    await cluster.until(async () => (await a.inspectLock('x')).waiters.length === 1);
    cluster.crash(b);
    expect((await cluster.until(waiting, { maxMs: 15_000 })).fence).toBeGreaterThan(second.fence);
    await cluster.close();
  });

  it('gives up in time of the host', async () => {
    await using cluster = await createTestCluster({ time: 'real' });
    expect(await errorOf(cluster.until(() => false, { maxMs: 20 }))).toMatchObject({ code: 'TIMEOUT' });
    const beforeMs = cluster.nowMs;
    await cluster.advance(20);
    expect(cluster.nowMs).toBeGreaterThanOrEqual(beforeMs + 20);
  });

  it('leaves nothing of the host’s when it is closed while somebody waits', async () => {
    const cluster = await createTestCluster({ time: 'real' });
    const conclave = await cluster.connect();
    await conclave.lock('x');
    const waiting = errorOf(cluster.until(new Promise(() => {})));
    await cluster.close();
    await cluster.close();
    expect(await waiting).toMatchObject({ code: 'CLOSED' });
  });
});
