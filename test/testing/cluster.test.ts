import { describe, expect, it } from 'vitest';
import { createTestCluster } from '../../src/testing/index.js';
import { errorOf } from '../support/sim-world.js';

describe('createTestCluster', () => {
  it.each([
    { seed: -1 },
    { seed: 1.5 },
    { time: 'fast' as 'real' },
    { network: { minMs: 2, maxMs: 1 } },
    { network: { minMs: 0, maxMs: Number.POSITIVE_INFINITY } },
  ])('refuses %o', async (options) => {
    expect(await errorOf(createTestCluster(options))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('takes the delays of its network', async () => {
    await using cluster = await createTestCluster({ network: { minMs: 100, maxMs: 100 } });
    const conclave = await cluster.connect();
    await conclave.get('a');
    expect(cluster.nowMs).toBe(200);
  });
});

describe('connect', () => {
  it('gives a Conclave with everything that the library can do', async () => {
    await using cluster = await createTestCluster();
    const conclave = await cluster.connect({ namespace: 'shop/', label: 'till', ttlMs: 3000 });
    const held = await conclave.lock('x');
    expect(held.key).toMatch(/^shop\/locks\/x\//);
    expect((await conclave.inspectLock('x')).holder).toMatchObject({ label: 'till', host: 'test' });
    expect(conclave.session.ttlMs).toBe(3000);
    const watch = conclave.watch({ key: 'k' });
    const first = watch.next();
    await cluster.settle();
    await conclave.put('k', 'v');
    expect((await first).value?.events).toHaveLength(1);
    await watch.return();
  });

  it('refuses a TTL that is none, and a cluster that is closed', async () => {
    const cluster = await createTestCluster();
    expect(await errorOf(cluster.connect({ ttlMs: 10 }))).toMatchObject({ code: 'INVALID_TTL' });
    await cluster.close();
    expect(await errorOf(cluster.connect())).toMatchObject({ code: 'CLOSED' });
  });

  it('names its processes, in the labels of locks too', async () => {
    await using cluster = await createTestCluster();
    const [first, second] = [await cluster.connect(), await cluster.connect({ name: 'host-7' })];
    const [x, y] = [await first.lock('x'), await second.lock('y')];
    expect((await first.inspectLock('x')).holder?.label).toBe('client-1');
    expect((await first.inspectLock('y')).holder?.label).toBe('host-7');
    await x.release();
    await y.release();
  });
});

describe('every fault', () => {
  it('refuses a client of another cluster', async () => {
    await using cluster = await createTestCluster();
    await using other = await createTestCluster();
    const stranger = await other.connect();
    const faults = [
      () => cluster.partition(stranger),
      () => cluster.loseNextReply(stranger),
      () => cluster.loseNextRequest(stranger),
      () => cluster.duplicateNextRequest(stranger),
      () => cluster.delay(stranger, 1),
      () => cluster.loseConnection(stranger),
      () => cluster.pause(stranger, 1),
      () => cluster.jumpClock(stranger, 1),
      () => cluster.crash(stranger),
      () => cluster.heal(stranger),
      () => cluster.runtimeOf(stranger),
    ];
    for (const fault of faults) expect(fault).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('refuses a time that is none', async () => {
    await using cluster = await createTestCluster();
    const conclave = await cluster.connect();
    for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      const faults = [
        () => cluster.delay(conclave, ms),
        () => cluster.pause(conclave, ms),
        () => cluster.stall(conclave, ms),
        () => cluster.suspend(conclave, ms),
        () => cluster.pauseServer(ms),
        () => cluster.restartServer({ downMs: ms }),
      ];
      for (const fault of faults) expect(fault).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    }
    expect(() => cluster.jumpClock(conclave, Number.NaN)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });
});

describe('leftBehind', () => {
  it('shows keys, leases, watches and timers while they are there, and nothing when all is given back', async () => {
    await using cluster = await createTestCluster();
    const conclave = await cluster.connect();
    expect(cluster.revision).toBe(1n);
    await conclave.put('app/x', '1');
    const held = await conclave.lock('x');
    await cluster.advance(1000);
    const left = cluster.leftBehind();
    expect(left).toEqual({ keys: ['app/x', held.key], leases: [held.leaseId], watches: 1, timers: left.timers });
    expect(left.timers).toBeGreaterThan(0);
    expect(cluster.keys('app/')).toEqual(['app/x']);
    expect(cluster.revision).toBe(3n);
    await conclave.close();
    await cluster.settle();
    const nothing = { keys: [], leases: [], watches: 0, timers: 0 };
    expect(cluster.leftBehind()).toEqual({ ...nothing, keys: ['app/x'] });
    expect(cluster.leftBehind({ ignore: ['app/'] })).toEqual(nothing);
    expect(() => cluster.leftBehind({ ignore: 'app/' as never })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });
});

describe('close', () => {
  it('heals and gives everything back, whatever state it is in', async () => {
    const cluster = await createTestCluster();
    const clients = [
      await cluster.connect(),
      await cluster.connect(),
      await cluster.connect(),
      await cluster.connect(),
    ];
    const [cut, asleep, dead, waiting] = clients;
    if (cut === undefined || asleep === undefined || dead === undefined || waiting === undefined)
      throw new Error('four');
    await Promise.all([cut.lock('a'), asleep.lock('b')]);
    const waited = errorOf(waiting.lock('a'));
    await cluster.settle();
    cluster.partition(cut);
    cluster.pause(asleep, 60_000);
    cluster.crash(dead);
    cluster.restartServer({ downMs: 60_000 });
    await cluster.close();
    expect(await waited).toMatchObject({ code: 'SESSION_LOST' });
    expect(cluster.leftBehind()).toEqual({ keys: [], leases: [], watches: 0, timers: 0 });
    expect(cluster.nowMs).toBeLessThan(10_000);
  });
});
