import { describe, expect, it } from 'vitest';
import { ConclaveError } from '../../src/core/errors.js';
import { createTestCluster, type TestCluster } from '../../src/testing/index.js';
import { errorOf } from '../support/sim-world.js';

async function withCluster(test: (cluster: TestCluster) => Promise<void>): Promise<void> {
  await using cluster = await createTestCluster();
  await test(cluster);
}

describe('simulated time', () => {
  it('lets messages pass by itself, and nothing else', () =>
    withCluster(async (cluster) => {
      const conclave = await cluster.connect();
      await conclave.put('a', '1');
      const afterPutMs = cluster.nowMs;
      expect((await conclave.get('a'))?.value.toString()).toBe('1');
      // There and back, twice, over a network of at most 3 ms.
      expect(afterPutMs).toBeGreaterThan(0);
      expect(cluster.nowMs).toBeGreaterThan(afterPutMs);
      expect(cluster.nowMs).toBeLessThan(12);
      const restedMs = cluster.nowMs;
      await cluster.settle();
      expect(cluster.nowMs).toBe(restedMs);
    }));

  it('passes by exactly as much as it is told, with everything that is due at its end', () =>
    withCluster(async (cluster) => {
      const conclave = await cluster.connect();
      const runtime = cluster.runtimeOf(conclave);
      const ran: string[] = [];
      runtime.setTimer(1000, () => ran.push('before'));
      const advanced = cluster.advance(1000);
      runtime.setTimer(1000, () => {
        ran.push('after');
        runtime.setTimer(0, () => ran.push('at once'));
      });
      runtime.setTimer(1001, () => ran.push('too late'));
      await advanced;
      expect(cluster.nowMs).toBe(1000);
      expect(ran).toEqual(['before', 'after', 'at once']);
      await cluster.advance(0);
      expect(cluster.nowMs).toBe(1000);
    }));

  it('serves several who wait at once, each in its own time', () =>
    withCluster(async (cluster) => {
      const conclave = await cluster.connect();
      const seen: string[] = [];
      const note = (name: string) => () => seen.push(`${name} at ${cluster.nowMs}`);
      await Promise.all([
        cluster.until(cluster.sleep(conclave, 300)).then(note('sleeper')),
        cluster.advance(100).then(note('advance')),
        cluster.until(() => cluster.nowMs >= 200).then(note('predicate')),
        cluster.advance(200).then(note('second advance')),
      ]);
      expect(seen).toEqual(['advance at 100', 'predicate at 200', 'second advance at 200', 'sleeper at 300']);
    }));

  it('stops at the event that makes it true', () =>
    withCluster(async (cluster) => {
      const conclave = await cluster.connect();
      await conclave.session.open();
      await cluster.until(() => cluster.nowMs > 10_000);
      expect(cluster.nowMs).toBeLessThan(10_300);
      await cluster.until(Promise.resolve());
      expect(cluster.nowMs).toBeLessThan(10_300);
    }));

  it('moves while a connection closes, though nobody asks for it', async () => {
    await using cluster = await createTestCluster();
    const conclave = await cluster.connect();
    await conclave.session.open();
    cluster.partition(conclave);
    await conclave.close();
    // The bound of a close: five seconds for the revoke.
    expect(cluster.nowMs).toBeGreaterThan(5000);
    expect(cluster.nowMs).toBeLessThan(6000);
  });

  it('lets an abort end a sleep', () =>
    withCluster(async (cluster) => {
      const conclave = await cluster.connect();
      const stop = new AbortController();
      const sleeping = cluster.sleep(conclave, 1000, { signal: stop.signal });
      const reason = new Error('enough');
      stop.abort(reason);
      expect(await errorOf(sleeping)).toBe(reason);
      expect(cluster.leftBehind().timers).toBe(0);
    }));
});

describe('until', () => {
  it('settles as the promise does, and gives what the function gave', () =>
    withCluster(async (cluster) => {
      const failure = new Error('as it is');
      expect(await cluster.until(Promise.resolve(7))).toBe(7);
      expect(await errorOf(cluster.until(Promise.reject(failure)))).toBe(failure);
      expect(await cluster.until(() => 'truthy')).toBe('truthy');
      expect(await cluster.until(async () => cluster.seed)).toBe(1);
    }));

  it('asks an async function again until its answer is truthy', () =>
    withCluster(async (cluster) => {
      const conclave = await cluster.connect();
      const other = await cluster.connect();
      const written = cluster.until(cluster.sleep(other, 500)).then(() => other.put('a', '1'));
      const found = await cluster.until(() => conclave.get('a'));
      expect(found?.value.toString()).toBe('1');
      await written;
      expect(await errorOf(cluster.until(async () => false, { maxMs: 60_000 }))).toMatchObject({ code: 'TIMEOUT' });
    }));

  it('rejects with what the function throws, at once or later', () =>
    withCluster(async (cluster) => {
      const failure = new Error('from the predicate');
      const thrower = () => {
        throw failure;
      };
      expect(await errorOf(cluster.until(thrower))).toBe(failure);
      expect(await errorOf(cluster.until(async () => thrower()))).toBe(failure);
      expect(cluster.nowMs).toBe(0);
    }));

  it('gives up with TIMEOUT, and tells seed and faults', () =>
    withCluster(async (cluster) => {
      const conclave = await cluster.connect({ name: 'host-1' });
      cluster.partition(conclave);
      const error = await errorOf(cluster.until(() => false, { maxMs: 2500 }));
      expect(ConclaveError.is(error, 'TIMEOUT')).toBe(true);
      expect(String(error)).toContain('within 2500 ms; seed 1, faults: partition of host-1');
      expect(cluster.nowMs).toBe(2500);
      expect(await errorOf(cluster.until(new Promise(() => {})))).toMatchObject({ code: 'TIMEOUT' });
      expect(cluster.nowMs).toBe(602_500);
    }));

  it('ends with CLOSED when the cluster closes', async () => {
    const cluster = await createTestCluster();
    const waiting = errorOf(cluster.until(new Promise(() => {})));
    await cluster.close();
    expect(await waiting).toMatchObject({ code: 'CLOSED' });
    expect(await errorOf(cluster.advance(1))).toMatchObject({ code: 'CLOSED' });
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d ms', (ms) =>
    withCluster(async (cluster) => {
      expect(await errorOf(cluster.advance(ms))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(await errorOf(cluster.until(() => true, { maxMs: ms }))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }),
  );
});
