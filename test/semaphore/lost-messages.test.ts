import { expect } from 'vitest';
import { prefixEnd, utf8 } from '../../src/core/bytes.js';
import { remove } from '../../src/store/ops.js';
import { describeLostMessages, type Scenario, type Tidy } from '../support/lost-messages.js';

const ttlMs = 60_000;

const declaring: Scenario = async (world, { conclave }) => {
  const held = await world.until(conclave.semaphore('s', { permits: 3 }).acquire({ permits: 2 }));
  expect(held.held).toBe(true);
  expect(await world.keys('semaphores/s/p.')).toHaveLength(1);
  await world.until(held.release());
};

const waiting: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs });
  const semaphore = other.conclave.semaphore('s', { permits: 2 });
  const [first, second] = [await world.until(semaphore.acquire()), await world.until(semaphore.acquire())];
  const asked = conclave.semaphore('s', { permits: 2 }).acquire();
  await world.advance(500);
  const behind = semaphore.acquire();
  await world.advance(500);
  await world.until(second.release());
  const held = await world.until(asked);
  expect([held.held, first.held]).toEqual([true, true]);
  await world.until(first.release());
  const last = await world.until(behind);
  expect([held.held, last.held]).toEqual([true, true]);
  await world.until(held.release());
  await world.until(last.release());
};

const trying: Scenario = async (world, { conclave }) => {
  const semaphore = conclave.semaphore('s', { permits: 2 });
  const held = [await world.until(semaphore.tryAcquire()), await world.until(semaphore.tryAcquire())];
  expect(held.map((each) => each?.held)).toEqual([true, true]);
  expect(await world.until(semaphore.tryAcquire())).toBeNull();
  for (const each of held) await world.until(each?.release() ?? Promise.resolve());
};

const changing: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs });
  const semaphore = other.conclave.semaphore('s', { permits: 1 });
  const first = await world.until(semaphore.acquire());
  const asked = semaphore.acquire();
  await world.advance(500);
  await world.until(conclave.semaphore('s', { permits: 1 }).setPermits(2));
  const second = await world.until(asked);
  await world.until(conclave.semaphore('s', { permits: 1 }).setPermits(1));
  await world.until(first.release());
  expect(await world.until(semaphore.tryAcquire())).toBeNull();
  await world.until(second.release());
  expect((await world.until(semaphore.inspect())).permits).toBe(1);
};

const wantingMore: Scenario = async (world, { conclave }) => {
  await world.until(world.client({ ttlMs }).conclave.semaphore('s', { permits: 1 }).setPermits(3));
  const held = await world.until(conclave.semaphore('s', { permits: 1 }).acquire({ permits: 2 }));
  expect(held.held).toBe(true);
  await world.until(held.release());
  const all = await world.until(conclave.lockAll([{ semaphore: 's', of: 1, permits: 3 }]));
  await world.until(all.release());
};

/** The number of permits stays, and nothing else. */
const tidy: Tidy = async (world) => {
  const left = await world.keys('semaphores/s/p');
  expect(left.filter(({ lease }) => lease !== 0n)).toEqual([]);
  await world.truth.txn({ success: [remove('semaphores/', { rangeEnd: prefixEnd(utf8('semaphores/')) })] });
};

describeLostMessages(
  'SEM-8: gives the same outcome and leaves nothing',
  { declaring, waiting, trying, changing, wantingMore },
  tidy,
);
