import { expect } from 'vitest';
import { describeLostMessages, type Scenario } from '../support/lost-messages.js';

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

describeLostMessages('LOCK-10: gives the same outcome and leaves nothing', scenarios);
