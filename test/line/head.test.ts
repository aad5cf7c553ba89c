import { describe, expect, it } from 'vitest';
import { utf8, utf8Text } from '../../src/core/bytes.js';
import { headOf, withHead } from '../../src/line/head.js';
import type { Held } from '../../src/line/held.js';
import { decodeHolder } from '../../src/line/holder.js';
import { CompareResult, type TxnRequest } from '../../src/store/messages.js';
import { put } from '../../src/store/ops.js';
import { type Client, errorOf, inWorld, type SimWorld } from '../support/sim-world.js';

const ttlMs = 600_000;

/** Lines of three and more are long. */
function clientOf(world: SimWorld): Client {
  return world.client({ ttlMs, crowds: { longLine: 3 } });
}

/** `count` who wait, each with a session of its own, in the order of their places; the first of them holds. */
async function lineOf(world: SimWorld, client: Client, count: number): Promise<Promise<Held>[]> {
  const sessions = await world.until(Promise.all(Array.from({ length: count }, () => client.conclave.newSession())));
  const turns: Promise<Held>[] = [];
  for (const session of sessions) {
    const turn = client.conclave.lock('x', { session });
    turn.catch(() => {});
    turns.push(turn);
    await world.settle();
  }
  return turns;
}

/** Lets go of the lock, and returns what the one who is next has asked before it had its turn. */
async function handOver(world: SimWorld, { store }: Client, from: Promise<Held>): Promise<'reads' | 'compares'> {
  const { length } = store.log;
  await world.until((await world.until(from)).release());
  await world.settle();
  // Of the one who is next: whether its predecessor is as it was, or has gone.
  const looks = store.log.slice(length).map(({ request }) => request as TxnRequest);
  const look = looks.find(({ compare, success }) => compare?.length === 2 && success === undefined);
  return look?.compare?.[1]?.result === CompareResult.notEqual ? 'compares' : 'reads';
}

describe('the head of a long line', () => {
  it('LINE-12: who comes next has the line read once; after that each head tells the next, while it is long', () =>
    inWorld(async (world) => {
      const client = clientOf(world);
      const turns = await lineOf(world, client, 7);
      const asked = [];
      for (const turn of turns.slice(0, -1)) asked.push(await handOver(world, client, turn));
      // The one who came first was never behind anybody. Seven, and one less each time: the fifth was told of three.
      expect(asked).toEqual(['reads', 'compares', 'compares', 'compares', 'compares', 'reads']);
      expect((await world.until(turns[6] as Promise<Held>)).held).toBe(true);
    }));

  it('LINE-12: what its place tells of its owner stays', () =>
    inWorld(async (world) => {
      const client = world.client({ ttlMs, label: 'me', crowds: { longLine: 3 } });
      const turns = await lineOf(world, client, 4);
      await handOver(world, client, turns[0] as Promise<Held>);
      const [head, next] = await world.keys('locks/x/');
      if (head === undefined || next === undefined) throw new Error('two were to stand there');
      expect(headOf(head)).toEqual({ length: 3 });
      expect(headOf(next)).toBeUndefined();
      expect(decodeHolder(head.value)).toMatchObject({ label: 'me', sinceMs: expect.any(Number) });
    }));

  it('LINE-12, LINE-1: a waiter that gives up was no head: who waited behind it reads, and waits on', () =>
    inWorld(async (world) => {
      const client = clientOf(world);
      const turns = await lineOf(world, client, 4);
      await handOver(world, client, turns[0] as Promise<Held>);
      const giveUp = await world.keys('locks/x/');
      await world.truth.txn({ success: [{ type: 'deleteRange', request: { key: giveUp[1]?.key as Uint8Array } }] });
      expect(await world.until(errorOf(turns[2] as Promise<Held>))).toMatchObject({ code: 'LOST' });
      expect(await world.keys('locks/x/')).toHaveLength(2);
      const second = await world.until(turns[1] as Promise<Held>);
      expect(second.held).toBe(true);
      await world.until(second.release());
      const last = await world.until(turns[3] as Promise<Held>);
      expect(last.fence).toBeGreaterThan(second.fence);
    }));

  it('LINE-12, LINE-4: whose own place went with the head’s is not admitted', () =>
    inWorld(async (world) => {
      const client = clientOf(world);
      const turns = await lineOf(world, client, 5);
      await handOver(world, client, turns[0] as Promise<Held>);
      const [head, next] = await world.keys('locks/x/');
      await world.truth.txn({
        success: [head, next].map((place) => ({ type: 'deleteRange', request: { key: place?.key as Uint8Array } })),
      });
      expect(await world.until(errorOf(turns[2] as Promise<Held>))).toMatchObject({ code: 'LOST' });
      expect((await world.until(turns[3] as Promise<Held>)).held).toBe(true);
    }));

  it('LINE-12: what tells of the head counts at the create revision that it names only', () =>
    inWorld(async (world) => {
      const client = clientOf(world);
      const turns = await lineOf(world, client, 5);
      await handOver(world, client, turns[0] as Promise<Held>);
      const [head, next] = await world.keys('locks/x/');
      if (head === undefined || next === undefined) throw new Error('two were to stand there');
      // The head's words in the place of one who waits, which then goes.
      const copied = put(next.key, head.value, { leaseId: next.lease });
      await world.truth.txn({ success: [copied] });
      expect(headOf({ ...next, value: head.value })).toBeUndefined();
      await world.truth.txn({ success: [{ type: 'deleteRange', request: { key: next.key } }] });
      await world.settle();
      expect((await world.until(turns[1] as Promise<Held>)).held).toBe(true);
      let admitted = false;
      const last = turns[3]?.then(() => {
        admitted = true;
      });
      last?.catch(() => {});
      await world.advance(60_000);
      expect(admitted).toBe(false);
    }));

  it('LINE-12: the words are found behind every value that is an object, and in no other', () => {
    const place = { key: utf8('k'), createRevision: 7n, modRevision: 7n, version: 1n, lease: 1n };
    for (const value of ['{}', '{"label":"é\\"}"}', '{"shared":true,"label":"x"}']) {
      const told = withHead(utf8(value), 7n, { length: 300 });
      expect(headOf({ ...place, value: told })).toEqual({ length: 300 });
      expect(JSON.parse(utf8Text(told))).toMatchObject(JSON.parse(value));
    }
    for (const value of ['', '{}', '"head":{"at":"7","length":3}', '{"head":{"at":"x","length":3}}']) {
      expect(headOf({ ...place, value: utf8(value) })).toBeUndefined();
    }
  });
});
