import { expect } from 'vitest';
import type { LockEntry } from '../../src/lock-all/lock-all.js';
import { remove } from '../../src/store/ops.js';
import { describeLostMessages, type Scenario, type Tidy } from '../support/lost-messages.js';

const ttlMs = 60_000;
const entries: readonly LockEntry[] = ['b', { read: 'a' }, { semaphore: 's', of: 2 }];

const free: Scenario = async (world, { conclave }) => {
  const held = await world.until(conclave.lockAll(['b', { read: 'a' }, 'c']));
  expect(held.held).toBe(true);
  expect(await world.keys('locks/')).toHaveLength(3);
  await world.until(held.release());
};

const inOrder: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs });
  const busy = await world.until(other.conclave.lock('b'));
  const waiting = conclave.lockAll(entries);
  await world.advance(500);
  await world.until(busy.release());
  const held = await world.until(waiting);
  expect(held.held).toBe(true);
  const next = other.conclave.lockAll(entries);
  await world.advance(500);
  expect(held.held).toBe(true);
  await world.until(held.release());
  await world.until((await world.until(next)).release());
};

const tried: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs });
  const beside = await world.until(other.conclave.semaphore('s', { permits: 2 }).acquire());
  const held = await world.until(conclave.tryLockAll(entries));
  expect(held?.held).toBe(true);
  expect(await world.until(conclave.tryLockAll(['c', { write: 'a' }]))).toBeNull();
  await world.until(held?.release() ?? Promise.resolve());
  await world.until(beside.release());
};

const tidy: Tidy = async (world) => {
  await world.truth.txn({ success: [remove('semaphores/s/declared')] });
};

describeLostMessages('LOCKALL-7: gives the same outcome and leaves nothing', { free, inOrder, tried }, tidy);
