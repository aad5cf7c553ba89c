import { expect } from 'vitest';
import { prefixEnd, utf8, utf8Text } from '../../src/core/bytes.js';
import type { Tx } from '../../src/stm/tx.js';
import { remove } from '../../src/store/ops.js';
import { describeLostMessages, type Scenario } from '../support/lost-messages.js';
import type { SimWorld } from '../support/sim-world.js';

const ttlMs = 60_000;

const add = (delta: number) => async (tx: Tx) => {
  const kv = await tx.get('data/n');
  const next = Number(kv === null ? 0 : utf8Text(kv.value)) + delta;
  tx.put('data/n', `${next}`);
  return next;
};

const adding: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs }).conclave;
  expect(await world.until(conclave.stm(add(1)))).toBe(1);
  expect(await world.until(other.stm(add(10)))).toBe(11);
  await world.until(Promise.all([conclave.stm(add(100)), other.stm(add(1_000)), conclave.stm(add(10_000))]));
  expect(await world.until(conclave.stm(add(0)))).toBe(11_111);
};

/** Behind a lost answer the key goes on: what others wrote stays. */
const writingBlind: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs }).conclave;
  const put = (value: string) => (tx: Tx) => tx.put('data/blind', value);
  await world.until(conclave.stm(put('own')));
  await world.until(other.stm(put('other')));
  await world.advance(40_000);
  expect(utf8Text((await world.until(other.get('data/blind')))?.value ?? new Uint8Array())).toBe('other');
};

const listing: Scenario = async (world, { conclave }) => {
  const append = async (tx: Tx) => {
    const seen = await tx.range({ prefix: 'data/list/' });
    tx.put(`data/list/${seen.length}`, '');
    return seen.length;
  };
  const lengths = await world.until(Promise.all([conclave.stm(append), conclave.stm(append), conclave.stm(append)]));
  expect(lengths.sort()).toEqual([0, 1, 2]);
};

/** The data, and the witnesses, which go with their leases. */
async function tidy(world: SimWorld): Promise<void> {
  const ranges = ['data/', 'stm/'].map((prefix) => remove(prefix, { rangeEnd: prefixEnd(utf8(prefix)) }));
  await world.truth.txn({ success: ranges });
}

describeLostMessages('STM-3: once each', { adding, writingBlind, listing }, tidy);
