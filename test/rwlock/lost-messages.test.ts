import { expect } from 'vitest';
import { describeLostMessages, type Scenario } from '../support/lost-messages.js';

const ttlMs = 60_000;

const reading: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs });
  const beside = await world.until(other.conclave.rwLock('x').read());
  const held = await world.until(conclave.rwLock('x').read());
  expect([held.held, beside.held, held.mode]).toEqual([true, true, 'read']);
  await world.until(beside.release());
  await world.until(held.release());
};

const readingAfterWriter: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs });
  const writer = await world.until(other.conclave.rwLock('x').write());
  const waiting = conclave.rwLock('x').read();
  await world.advance(500);
  await world.until(writer.release());
  await world.until((await world.until(waiting)).release());
};

const writingAfterReaders: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs });
  const readers = [await other.conclave.rwLock('x').read(), await other.conclave.rwLock('x').read()];
  const waiting = conclave.rwLock('x').write();
  await world.advance(500);
  for (const each of readers) await world.until(each.release());
  await world.until((await world.until(waiting)).release());
};

const downgrading: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs });
  const held = await world.until(conclave.rwLock('x').write());
  const reader = other.conclave.rwLock('x').read();
  await world.advance(500);
  expect(await world.until(held.downgrade())).toBe(held);
  const writer = other.conclave.rwLock('x').write();
  const beside = await world.until(reader);
  expect([held.held, beside.held]).toEqual([true, true]);
  await world.until(held.release());
  await world.until(beside.release());
  await world.until((await world.until(writer)).release());
};

const trying: Scenario = async (world, { conclave }) => {
  const reader = await world.until(conclave.rwLock('x').tryRead());
  expect(await world.until(conclave.rwLock('x').tryWrite())).toBeNull();
  await world.until((await world.until(conclave.rwLock('x').tryRead()))?.release() ?? Promise.resolve());
  await world.until(reader?.release() ?? Promise.resolve());
  const writer = await world.until(conclave.rwLock('x').tryWrite());
  expect(await world.until(conclave.rwLock('x').tryRead())).toBeNull();
  await world.until(writer?.release() ?? Promise.resolve());
};

describeLostMessages('RWLOCK-6: gives the same outcome and leaves nothing', {
  reading,
  readingAfterWriter,
  writingAfterReaders,
  downgrading,
  trying,
});
