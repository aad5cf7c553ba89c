import { expect } from 'vitest';
import { describeLostMessages, type Scenario } from '../support/lost-messages.js';

const ttlMs = 60_000;

const raising: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs }).conclave;
  const barrier = conclave.barrier('b');
  expect(await world.until(barrier.raise())).toBe(true);
  const waiting = other.barrier('b').wait();
  await world.advance(20);
  await world.until(barrier.lift());
  await world.until(waiting);
  expect(await world.until(other.barrier('b').raise({ persistent: true }))).toBe(true);
  expect(await world.until(barrier.raise())).toBe(false);
  const mine = barrier.wait();
  await world.advance(20);
  await world.until(other.barrier('b').lift());
  await world.until(mine);
};

const entering: Scenario = async (world, { conclave }) => {
  const parties = 2;
  const other = world.client({ ttlMs }).conclave.doubleBarrier('d', { parties });
  const own = conclave.doubleBarrier('d', { parties });
  for (const [first, second] of [
    [own, other],
    [other, own],
  ] as const) {
    const entered = first.enter();
    await world.advance(20);
    await world.until(Promise.all([entered, second.enter()]));
    const left = first.leave();
    await world.advance(20);
    await world.until(Promise.all([left, second.leave()]));
  }
};

const meeting: Scenario = async (world, { conclave }) => {
  const parties = 2;
  const other = world.client({ ttlMs }).conclave.cyclicBarrier('c', { parties });
  const own = conclave.cyclicBarrier('c', { parties });
  for (let round = 0; round < 3; round++) {
    const places = await world.until(Promise.all([own.wait(), other.wait()]));
    expect(places.sort()).toEqual([0, 1]);
  }
};

const counting: Scenario = async (world, { conclave }) => {
  const count = 3;
  const other = world.client({ ttlMs }).conclave.countDownLatch('l', { count });
  const own = conclave.countDownLatch('l', { count });
  for (let life = 0; life < 2; life++) {
    const waiting = own.wait();
    expect(await world.until(own.countDown())).toBe(2);
    expect(await world.until(other.countDown())).toBe(1);
    expect(await world.until(own.countDown())).toBe(0);
    expect(await world.until(own.countDown())).toBe(0);
    await world.until(waiting);
    await world.until(own.delete());
    expect(await world.until(other.left())).toBe(3);
  }
};

describeLostMessages('BARRIER-6: one outcome, and nothing left', { raising, entering, meeting, counting });
