import { expect } from 'vitest';
import { describeLostMessages, type Scenario } from '../support/lost-messages.js';

const ttlMs = 60_000;

const adding: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs }).conclave.counter('c');
  const own = conclave.counter('c');
  const values: bigint[] = [];
  for (let i = 0; i < 3; i++) {
    values.push(await world.until(own.add(10)), await world.until(other.increment()));
  }
  expect(values).toEqual([10n, 11n, 21n, 22n, 32n, 33n]);
  const together = [own.add(100), other.increment(), own.add(1_000), own.decrement()];
  await world.until(Promise.all(together));
  expect(await world.until(own.get())).toBe(1_133n);
  expect(await world.until(own.set(5))).toBe(1_133n);
  expect(await world.until(own.compareAndSet(5, 6))).toBe(true);
  expect(await world.until(own.compareAndSet(5, 7))).toBe(false);
  expect(await world.until(other.get())).toBe(6n);
  await world.until(own.delete());
  expect(await world.until(other.get())).toBe(0n);
  // Whatever a late request makes is as if it were not there: 0.
  await world.advance(40_000);
  expect(await world.until(other.get())).toBe(0n);
  await world.until(other.delete());
};

/** Between the lost reply and the next try others write more than the value itself remembers. */
const overtaken: Scenario = async (world, { conclave, store }) => {
  const other = world.client({ ttlMs }).conclave.counter('c');
  const own = conclave.counter('c');
  await world.until(own.add(1));
  const adding = own.add(1_000);
  for (let i = 0; i < 40; i++) await world.until(other.add(1));
  await world.until(adding);
  expect(await world.until(other.get())).toBe(1_041n);
  await world.advance(40_000);
  expect(store.pendingFaults).toBeLessThan(2);
  await world.until(own.delete());
};

describeLostMessages('COUNTER-2: once each, and the same values', { adding, overtaken });
