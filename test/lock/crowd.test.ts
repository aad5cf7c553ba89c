import { describe, expect, it } from 'vitest';
import { pause } from '../../src/core/abort.js';
import { ConclaveError } from '../../src/core/errors.js';
import type { Held } from '../../src/line/held.js';
import { decodeHolder } from '../../src/line/holder.js';
import { remove } from '../../src/store/ops.js';
import { describeLostMessages, type Scenario } from '../support/lost-messages.js';
import { type Client, errorOf, inWorld, type SimWorld } from '../support/sim-world.js';

const ttlMs = 60_000;

interface Taken {
  readonly who: string;
  readonly fence: bigint;
}

/** Takes the lock for a moment; `order` tells who had it when, with its fence. */
async function takeTurn(client: Client, who: string, order: Taken[], during = () => {}): Promise<void> {
  await client.conclave.withLock('x', async ({ fence }) => {
    order.push({ who, fence });
    during();
    await pause(client.runtime, 10);
  });
}

/** What its places in the line tell, the holder's first. */
async function told(world: SimWorld) {
  return (await world.keys('locks/x/')).map(({ value }) => decodeHolder(value));
}

describe('many callers of one process', () => {
  it('LOCK-18, LOCK-3: a thousand at once have one place, and the holder’s; order and fences are as ever', () =>
    inWorld(async (world) => {
      const client = world.client({ ttlMs });
      const order: Taken[] = [];
      const keys: number[] = [];
      const look = () => keys.push(world.host.stats().keys);
      const first = await world.until(client.conclave.lock('x'));
      const turns = Array.from({ length: 1_000 }, (_, i) => takeTurn(client, `${i}`, order, look));
      await world.settle();
      // The holder's, and that of the first who came: it has been seen by then that there are many.
      expect(await world.keys('locks/')).toHaveLength(2);
      expect(client.store.openWatches).toBe(2);
      await world.until(first.release());
      await world.until(Promise.all(turns));
      expect(keys).toEqual(Array(1_000).fill(1));
      expect(order.map(({ who }) => who)).toEqual(Array.from({ length: 1_000 }, (_, i) => `${i}`));
      for (const [i, { fence }] of order.slice(1).entries()) expect(fence).toBeGreaterThan(order[i]?.fence ?? 0n);
    }));

  it('LOCK-18, LOCK-4: the first eight have places of their own, in the order of their calls', () =>
    inWorld(async (world) => {
      const [client, other] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const order: Taken[] = [];
      const first = await world.until(client.conclave.lock('x'));
      const turns = Array.from({ length: 7 }, (_, i) => takeTurn(client, `${i}`, order));
      await world.settle();
      turns.push(takeTurn(other, 'other', order));
      await world.settle();
      for (let i = 7; i < 12; i++) {
        turns.push(takeTurn(client, `${i}`, order));
        await world.settle();
      }
      expect(await world.keys('locks/')).toHaveLength(9);
      await world.until(first.release());
      await world.until(Promise.all(turns));
      expect(order.map(({ who }) => who)).toEqual([...'0123456', 'other', ...'789', '10', '11']);
    }));

  it('LOCK-18: a hand-over within the process is one request, and no watch', () =>
    inWorld(async (world) => {
      const client = world.client({ ttlMs, crowds: { ownPlaces: 1 } });
      const first = await world.until(client.conclave.lock('x'));
      const order: Taken[] = [];
      const turns = Array.from({ length: 100 }, (_, i) => takeTurn(client, `${i}`, order));
      await world.settle();
      const { txn, watch, range } = { ...client.store.counts };
      await world.until(first.release());
      await world.until(Promise.all(turns));
      // Each takes the last one's place away and makes its own; the last leaves.
      expect(client.store.counts).toMatchObject({ txn: txn + 101, watch, range });
    }));

  it('LOCK-18: others wait for one turn of a crowd at most, and the crowd for one of theirs', () =>
    inWorld(async (world) => {
      const [crowd, other, third] = [
        world.client({ ttlMs, crowds: { ownPlaces: 1 } }),
        world.client({ ttlMs }),
        world.client({ ttlMs }),
      ];
      const first = await world.until(crowd.conclave.lock('x'));
      const order: Taken[] = [];
      const turns = Array.from({ length: 6 }, () => takeTurn(crowd, 'crowd', order));
      await world.settle();
      turns.push(takeTurn(other, 'other', order));
      await world.settle();
      turns.push(takeTurn(third, 'third', order));
      await world.settle();
      await world.until(first.release());
      turns.push(takeTurn(other, 'other', order));
      await world.until(Promise.all(turns));
      const whose = order.map(({ who }) => who);
      expect(whose).toEqual(['other', 'third', 'crowd', 'other', 'crowd', 'crowd', 'crowd', 'crowd', 'crowd']);
      const fences = order.map(({ fence }) => fence);
      expect([...fences].sort((a, b) => (a < b ? -1 : 1))).toEqual(fences);
    }));

  it('LOCK-19, LOCK-6: who gives up costs the others neither their place nor a request', () =>
    inWorld(async (world) => {
      const [crowd, other] = [world.client({ ttlMs, crowds: { ownPlaces: 1 } }), world.client({ ttlMs })];
      const first = await world.until(other.conclave.lock('x'));
      const order: string[] = [];
      const wait = (client: Client, label: string, signal?: AbortSignal) =>
        client.conclave.lock('x', { label, signal }).then(async (held) => {
          order.push(label);
          expect((await told(world)).map((each) => each.label)[0]).toBe(label);
          await held.release();
        });
      const aborts = ['own', 'all', 'second'].map((label) => ({ label, controller: new AbortController() }));
      const failed = aborts.map(({ label, controller }) => errorOf(wait(crowd, label, controller.signal)));
      await world.settle();
      aborts[0]?.controller.abort('own');
      expect(await world.until(failed[0] as Promise<unknown>)).toBe('own');
      await world.settle();
      const turns = [wait(crowd, 'third')];
      await world.settle();
      turns.push(wait(other, 'other'));
      await world.settle();
      const before = crowd.store.counts.txn;
      const place = (await world.keys('locks/x/'))[1];
      for (const { label, controller } of aborts.slice(1)) controller.abort(label);
      expect(await world.until(Promise.all(failed))).toEqual(['own', 'all', 'second']);
      expect(crowd.store.counts.txn).toBe(before);
      expect((await world.keys('locks/x/'))[1]?.createRevision).toBe(place?.createRevision);
      await world.until(first.release());
      await world.until(Promise.all(turns));
      expect(order).toEqual(['third', 'other']);
    }));

  it('LOCK-19: an abort of the last who waits leaves nothing, and the next comes anew', () =>
    inWorld(async (world) => {
      const [crowd, other] = [world.client({ ttlMs, crowds: { ownPlaces: 1 } }), world.client({ ttlMs })];
      const first = await world.until(crowd.conclave.lock('x'));
      const next = world.until(other.conclave.lock('x'));
      const aborts = new AbortController();
      const waiting = errorOf(crowd.conclave.lock('x', { signal: aborts.signal }));
      await world.settle();
      await world.until(first.release());
      const held = await next;
      // The crowd's place stands behind the other's now.
      expect(await world.keys('locks/x/')).toHaveLength(2);
      aborts.abort('enough');
      const again = crowd.conclave.lock('x');
      expect(await world.until(waiting)).toBe('enough');
      await world.settle();
      expect(await world.keys('locks/x/')).toHaveLength(2);
      await world.until(held.release());
      await world.until((await world.until(again)).release());
    }));

  it('LOCK-18: a release does not wait for the next caller, nor the next one for a place that is gone', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs, crowds: { ownPlaces: 1 } });
      const first = await world.until(conclave.lock('x'));
      const aborts = new AbortController();
      const gaveUp = errorOf(conclave.lock('x', { signal: aborts.signal }));
      await world.settle();
      store.delay('txn', { requestMs: 2_000, replyMs: 0 });
      const released = first.release();
      await world.advance(10);
      aborts.abort('enough');
      await world.until(released);
      await world.until(gaveUp);
      const second = await world.until(conclave.lock('x'));
      const third = conclave.lock('x');
      await world.truth.txn({ success: [remove(second.key)] });
      await world.until(second.release());
      await world.until((await world.until(third)).release());
      await world.advance(2_000);
    }));

  it('LOCK-18, LOCK-8: what the store refuses to the next caller does not keep the place of the last', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs, crowds: { ownPlaces: 1 } });
      const first = await world.until(conclave.lock('x'));
      const [second, third] = [errorOf(conclave.lock('x')), conclave.lock('x')];
      await world.settle();
      store.refuse('txn', new ConclaveError('PERMISSION_DENIED', 'no'));
      await world.until(first.release());
      expect(await world.until(second)).toMatchObject({ code: 'PERMISSION_DENIED' });
      await world.until((await world.until(third)).release());
    }));

  it('LOCK-19: a place of all that is deleted is lost to the first of them', () =>
    inWorld(async (world) => {
      const [crowd, other] = [world.client({ ttlMs, crowds: { ownPlaces: 1 } }), world.client({ ttlMs })];
      const first = await world.until(crowd.conclave.lock('x'));
      const next = other.conclave.lock('x');
      await world.settle();
      const [lost, waits] = [errorOf(crowd.conclave.lock('x')), crowd.conclave.lock('x')];
      await world.settle();
      await world.until(first.release());
      const held = await world.until(next);
      await world.settle();
      const place = (await world.keys('locks/x/'))[1];
      await world.truth.txn({ success: [remove(place?.key ?? 'none')] });
      expect(await world.until(lost)).toMatchObject({ code: 'LOST', loss: 'key-deleted' });
      await world.until(held.release());
      await world.until((await world.until(waits)).release());
    }));

  it('LOCK-18, LOCK-15: whoever loses it makes room for the next, by deletion and by maxHoldMs', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs, crowds: { ownPlaces: 1 } });
      const first = await world.until(conclave.lock('x'));
      const waiting = Array.from({ length: 3 }, () => conclave.lock('x', { maxHoldMs: 5_000 }));
      await world.advance(500);
      await world.truth.txn({ success: [remove(first.key)] });
      const holds: Held[] = [];
      for (const each of waiting) {
        const held = await world.until(each);
        expect(holds.some((before) => before.held)).toBe(false);
        holds.push(held);
      }
      await world.advance(10_000);
      expect(holds.map(({ signal }) => signal.reason.loss)).toEqual(['max-hold', 'max-hold', 'max-hold']);
      expect(await world.keys('locks/')).toEqual([]);
    }));

  it('LOCK-5: when the lease was lost unnoticed they ask anew, in order; when the deadline passes they are told', () =>
    inWorld(async (world) => {
      const client = world.client({ ttlMs: 10_000, crowds: { ownPlaces: 1 } });
      const { conclave, store } = client;
      await world.until(conclave.session.open());
      const { leaseId } = conclave.session;
      await world.truth.leaseRevoke({ id: leaseId });
      const order: Taken[] = [];
      await world.until(Promise.all(['a', 'b', 'c'].map((who) => takeTurn(client, who, order))));
      expect(order.map(({ who }) => who)).toEqual(['a', 'b', 'c']);
      expect(conclave.session.leaseId).not.toBe(leaseId);
      await world.until(conclave.lock('x'));
      const failed = [0, 1, 2].map(() => errorOf(conclave.lock('x')));
      store.partition();
      const lost = { code: 'SESSION_LOST', loss: 'deadline' };
      expect(await world.until(Promise.all(failed))).toMatchObject([lost, lost, lost]);
      store.heal();
      await world.expire();
    }));

  it('LOCK-7: tryLock overtakes nobody who waits in the process', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs, crowds: { ownPlaces: 1 } });
      const first = await world.until(conclave.lock('x'));
      const second = conclave.lock('x');
      await world.settle();
      const released = first.release();
      expect(await world.until(conclave.tryLock('x'))).toBeNull();
      await world.until(released);
      await world.until((await world.until(second)).release());
      expect(await world.until(conclave.tryLock('x'))).not.toBeNull();
    }));

  it('LOCK-18: the place of several tells how many they were', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs, crowds: { ownPlaces: 1 } });
      const first = await world.until(conclave.lock('x', { label: 'first' }));
      const rest = ['a', 'b', 'c'].map((label) => conclave.lock('x', { label }));
      await world.settle();
      await world.until(first.release());
      const { holder } = await world.until(conclave.inspectLock('x'));
      expect(holder).toMatchObject({ label: 'a', callers: 3 });
      for (const each of rest) await world.until((await world.until(each)).release());
    }));

  it('LOCK-18: ten thousand wait for one lock, and give up together, without a request each', () =>
    inWorld(async (world) => {
      const client = world.client({ ttlMs });
      const first = await world.until(client.conclave.lock('x'));
      const aborts = new AbortController();
      const { signal } = aborts;
      const failed = Array.from({ length: 10_000 }, () => errorOf(client.conclave.lock('x', { signal })));
      await world.settle();
      const { total } = client.store;
      expect(await world.keys('locks/')).toHaveLength(2);
      aborts.abort('enough');
      expect(new Set(await world.until(Promise.all(failed)))).toEqual(new Set(['enough']));
      expect(await world.keys('locks/')).toHaveLength(1);
      expect(client.store.total - total).toBeLessThan(20);
      await world.until(first.release());
    }));
});

/** Callers of one process with one place, one of them impatient, beside another process. */
const crowd: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs });
  const counts = { inside: 0, most: 0, done: 0 };
  const fences: bigint[] = [];
  const turn = (process: typeof conclave, signal?: AbortSignal) =>
    process.withLock('x', { signal }, async ({ fence }) => {
      counts.inside += 1;
      counts.most = Math.max(counts.most, counts.inside);
      fences.push(fence);
      await world.truth.leaseLeases();
      counts.inside -= 1;
      counts.done += 1;
    });
  const aborts = new AbortController();
  const first = await world.until(conclave.lock('x'));
  const turns = Array.from({ length: 9 }, () => turn(conclave));
  const impatient = errorOf(turn(conclave, aborts.signal));
  turns.push(turn(conclave), turn(other.conclave), turn(conclave));
  await world.settle();
  aborts.abort('enough');
  expect(await world.until(impatient)).toBe('enough');
  await world.until(first.release());
  await world.until(Promise.all(turns));
  expect(counts).toEqual({ inside: 0, most: 1, done: 12 });
  expect([...fences].sort((a, b) => (a < b ? -1 : 1))).toEqual(fences);
};

describeLostMessages('LOCK-10: many callers of one process', { crowd });
