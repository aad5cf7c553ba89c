import { describe, expect, it } from 'vitest';
import { anyCall } from '../support/faulty-store.js';
import { type Client, inWorld, type SimWorld } from '../support/sim-world.js';

/** A client takes the lock and gives it back, while others want it. */
type Scenario = (world: SimWorld, client: Client) => Promise<void>;

const free: Scenario = async (world, { conclave }) => {
  const held = await world.until(conclave.lock('x'));
  expect(held.held).toBe(true);
  expect((await world.keys('locks/')).map(({ createRevision }) => createRevision)).toEqual([held.fence]);
  await world.until(held.release());
};

const busy: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs: 60_000 });
  const first = await world.until(other.conclave.lock('x'));
  const waiting = conclave.lock('x');
  await world.advance(500);
  await world.until(first.release());
  const held = await world.until(waiting);
  expect(held.fence).toBeGreaterThan(first.fence);
  expect((await world.keys('locks/')).map(({ createRevision }) => createRevision)).toEqual([held.fence]);
  const next = other.conclave.lock('x');
  await world.advance(500);
  expect(held.held).toBe(true);
  await world.until(held.release());
  await world.until((await world.until(next)).release());
};

const tried: Scenario = async (world, { conclave }) => {
  const held = await world.until(conclave.tryLock('x'));
  expect(held?.held).toBe(true);
  const other = await world.until(conclave.tryLock('x'));
  expect(other).toBeNull();
  await world.until(held?.release() ?? Promise.resolve());
};

const nested: Scenario = async (world, client) => {
  const names = Array.from({ length: 6 }, (_, i) => `x/${i}`);
  const below = await world.until(Promise.all(names.map((name) => client.conclave.lock(name))));
  const held = await world.until(client.conclave.lock('x'));
  expect(held.held).toBe(true);
  await world.until(held.release());
  const again = await world.until(client.conclave.tryLock('x'));
  await world.until(again?.release() ?? Promise.resolve());
  await world.until(Promise.all(below.map((each) => each.release())));
};

const withLock: Scenario = async (world, { conclave }) => {
  const counts = { inside: 0, most: 0, done: 0 };
  const turns = Array.from({ length: 3 }, () =>
    conclave.withLock('x', async () => {
      counts.inside += 1;
      counts.most = Math.max(counts.most, counts.inside);
      await world.truth.leaseLeases();
      counts.inside -= 1;
      counts.done += 1;
    }),
  );
  await world.until(Promise.all(turns));
  expect(counts).toEqual({ inside: 0, most: 1, done: 3 });
};

const scenarios = { free, busy, tried, nested, withLock };

describe.each(Object.entries(scenarios))('the scenario "%s"', (_, scenario) => {
  it.each(['loseRequest', 'loseReply'] as const)(
    'LOCK-10: gives the same outcome when any one call suffers %s',
    async (fault) => {
      let k = 0;
      // Bounded by the calls of the scenario: past the last one the fault finds nothing to hit.
      for (let hit = true; hit && k < 200; k++) {
        await inWorld(async (world) => {
          const client = world.client({ ttlMs: 60_000 });
          client.store[fault](anyCall, k);
          await scenario(world, client);
          hit = client.store.pendingFaults === 0;
          await world.advance(10_000);
          expect(await world.keys('locks/')).toEqual([]);
        });
      }
      expect(k).toBeGreaterThan(2);
      expect(k).toBeLessThan(200);
    },
  );

  it.each([10, 3_000, 30_000])(
    'LOCK-10: and when any one call is applied %s ms after it was given up',
    async (afterMs) => {
      let k = 0;
      // Bounded as above.
      for (let hit = true; hit && k < 200; k++) {
        await inWorld(async (world) => {
          const client = world.client({ ttlMs: 60_000 });
          client.store.applyLate(anyCall, afterMs, k);
          await scenario(world, client);
          hit = client.store.pendingFaults === 0;
          await world.advance(60_000);
          expect(client.store.inFlight).toBe(0);
          expect(await world.keys('locks/')).toEqual([]);
        });
      }
      expect(k).toBeGreaterThan(2);
    },
  );

  it('LOCK-10: and when the transport sends any one call twice', async () => {
    let k = 0;
    // Bounded as above.
    for (let hit = true; hit && k < 200; k++) {
      await inWorld(async (world) => {
        const client = world.client({ ttlMs: 60_000 });
        client.store.duplicate(anyCall, 0, k);
        await scenario(world, client);
        hit = client.store.pendingFaults === 0;
        await world.advance(10_000);
        expect(await world.keys('locks/')).toEqual([]);
      });
    }
  });
});
