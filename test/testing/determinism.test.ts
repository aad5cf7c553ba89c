import { describe, expect, it } from 'vitest';
import { checkers, createTestCluster, forEachSeed, type TestCluster } from '../../src/testing/index.js';
import { errorOf } from '../support/sim-world.js';

/** Three clients want one lock, again and again, through faults; tells who had it when. */
async function grants(cluster: TestCluster): Promise<string[]> {
  const told: string[] = [];
  const clients = await Promise.all(['a', 'b', 'c'].map((name) => cluster.connect({ name, ttlMs: 3000 })));
  const done = clients.map(async (conclave, index) => {
    const name = 'abc'[index];
    for (let turn = 0; turn < 5; turn++) {
      try {
        const held = await conclave.lock('x', { timeoutMs: 20_000 });
        told.push(`${name} ${held.fence} at ${cluster.nowMs}`);
        await cluster.sleep(conclave, 200, { signal: held.signal });
        await held.release();
      } catch {
        told.push(`${name} failed at ${cluster.nowMs}`);
      }
    }
  });
  const [a, b, c] = clients;
  if (a === undefined || b === undefined || c === undefined) throw new Error('three clients');
  cluster.loseNextReply(a, { of: 'txn' });
  await cluster.advance(500);
  cluster.pause(b, 4000);
  await cluster.advance(1000);
  cluster.partition(c);
  await cluster.advance(4000);
  cluster.heal();
  cluster.restartServer({ downMs: 700 });
  await cluster.until(Promise.all(done));
  return told;
}

async function played(seed: number): Promise<{ told: string[]; traceHash: string }> {
  await using cluster = await createTestCluster({ seed });
  const told = await grants(cluster);
  return { told, traceHash: cluster.traceHash };
}

describe('a seed', () => {
  it('gives the same grants at the same moments, and the same trace', async () => {
    const first = await played(7);
    expect(first.told.length).toBeGreaterThanOrEqual(15);
    expect(await played(7)).toEqual(first);
    expect((await played(8)).told).not.toEqual(first.told);
  });

  it('is not disturbed by what the host does meanwhile', async () => {
    const first = await played(9);
    let turns = 0;
    let busy = true;
    const disturb = () => {
      turns += 1;
      if (busy) setImmediate(disturb);
    };
    disturb();
    const second = await played(9);
    busy = false;
    expect(turns).toBeGreaterThan(3);
    expect(second).toEqual(first);
  });

  it('is named when its test fails, with the failure as the cause', async () => {
    const failure = new Error('the test said no');
    const seen: number[] = [];
    const error = await errorOf(
      forEachSeed(5, async ({ seed }) => {
        seen.push(seed);
        if (seed === 3) throw failure;
      }),
    );
    expect(seen).toEqual([1, 2, 3]);
    expect(error).toMatchObject({ message: 'seed 3: the test said no', cause: failure });
  });
});

describe('the history of a run', () => {
  it('can be judged by the checkers', () =>
    forEachSeed([1, 2, 3], async (cluster) => {
      const { recorder } = cluster;
      const clients = await Promise.all([cluster.connect({ name: 'a' }), cluster.connect({ name: 'b' })]);
      const work = clients.map(async (conclave, index) => {
        const name = index === 0 ? 'a' : 'b';
        const held = await recorder.run(
          name,
          'x',
          'lock.acquire',
          null,
          () => conclave.lock('x'),
          ({ fence, leaseId }) => ({ fence, lease: leaseId }),
        );
        const { fence } = held;
        await recorder.run(
          name,
          'x',
          'release',
          { fence },
          () => held.release(),
          () => null,
        );
      });
      await cluster.until(Promise.all(work));
      expect(checkers.mutualExclusion(cluster.history)).toEqual([]);
      expect(checkers.fenceGrowth(cluster.history)).toEqual([]);
      expect(checkers.leaseNotEarly(cluster.history)).toEqual([]);
      expect(cluster.history.filter(({ type }) => type === 'ok')).toHaveLength(4);
      expect(cluster.history.some((entry) => entry.type === 'note' && entry.fact === 'kv.event')).toBe(true);
    }));
});
