import { describe, expect, it } from 'vitest';
import { ConclaveError } from '../../src/core/errors.js';
import type { Leader } from '../../src/election/leader.js';
import { put, remove } from '../../src/store/ops.js';
import { type Client, errorOf, inWorld } from '../support/sim-world.js';

/** What an observer is told, and how to end it. */
function observing({ conclave }: Client) {
  const controller = new AbortController();
  const told: (Leader | null)[] = [];
  const values = () => told.map((leader) => leader?.value ?? null);
  const run = async () => {
    for await (const leader of conclave.election('e').observe({ signal: controller.signal })) told.push(leader);
  };
  const ended = errorOf(run());
  return { told, values, ended, stop: () => controller.abort('enough') };
}

describe('observe()', () => {
  it('ELECTION-8: tells at once that nobody leads, then each leader and each value, once and in order', () =>
    inWorld(async (world) => {
      const [a, b, c] = [world.client(), world.client(), world.client()];
      const { told, values, stop, ended } = observing(c);
      await world.settle();
      expect(values()).toEqual([null]);
      const first = await world.until(a.conclave.election('e').campaign('a'));
      await world.until(first.proclaim('a, warm'));
      await world.until(first.proclaim('a, warm'));
      const campaign = b.conclave.election('e').campaign('b');
      await world.settle();
      await world.until(first.resign());
      const second = await world.until(campaign);
      await world.until(second.resign());
      await world.settle();
      expect(values()).toEqual([null, 'a', 'a, warm', 'b', null]);
      expect(told.map((leader) => leader?.term)).toEqual([undefined, first.term, first.term, second.term, undefined]);
      stop();
      expect(await world.until(ended)).toBe('enough');
      expect(c.store.openWatches).toBe(0);
    }));

  it('ELECTION-8: sees who leads in a store that was made anew, though at the revision of who led before', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const first = await world.until(a.conclave.election('e').campaign('a'));
      const { told, values, stop, ended } = observing(b);
      await world.settle();
      await world.anew(async (store) => {
        const leaseId = (await store.leaseGrant({ id: 7n, ttl: 60n })).id;
        await store.txn({ success: [put(first.key.replace(/[^/]+$/, '7.0'), 'other', { leaseId })] });
        b.store.becomes(store);
        await world.settle();
        expect(values()).toEqual(['a', 'other']);
        expect(told[1]?.term).toBe(told[0]?.term);
        stop();
        await world.until(ended);
      });
    }));

  it('ELECTION-8: observers of a connection share a read and a watch; who comes later hears the present', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const first = observing(b);
      await world.settle();
      const leadership = await world.until(a.conclave.election('e').campaign('a'));
      const later = Array.from({ length: 10 }, () => observing(b));
      await world.settle();
      await world.until(leadership.proclaim('a, warm'));
      await world.settle();
      expect(first.values()).toEqual([null, 'a', 'a, warm']);
      for (const { values } of later) expect(values()).toEqual(['a', 'a, warm']);
      expect(b.store.counts).toMatchObject({ range: 1, watch: 1 });
      first.stop();
      await world.until(first.ended);
      expect(b.store.openWatches).toBe(1);
      for (const { stop, ended } of later) {
        stop();
        await world.until(ended);
      }
      expect(b.store.openWatches).toBe(0);
    }));

  it('ELECTION-8: tells the present leader first', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const leadership = await world.until(a.conclave.election('e').campaign('a'));
      const { told, stop, ended } = observing(b);
      await world.settle();
      expect(told).toEqual([{ value: 'a', term: leadership.term, key: leadership.key, leaseId: leadership.leaseId }]);
      stop();
      await world.until(ended);
    }));

  it('ELECTION-8: a new leader with an equal value is told', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const { told, stop, ended } = observing(b);
      await world.settle();
      const first = await world.until(a.conclave.election('e').campaign('same'));
      const campaign = b.conclave.election('e').campaign('same');
      await world.settle();
      await world.until(first.resign());
      const second = await world.until(campaign);
      await world.settle();
      expect(told.map((leader) => leader?.term)).toEqual([undefined, first.term, second.term]);
      stop();
      await world.until(ended);
    }));

  it('ELECTION-8: candidates who only wait, or leave before their turn, are not told', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      await world.until(a.conclave.election('e').campaign('a'));
      const { values, stop, ended } = observing(a);
      const controller = new AbortController();
      const campaign = errorOf(b.conclave.election('e').campaign('b', { signal: controller.signal }));
      await world.advance(100);
      controller.abort();
      await world.until(campaign);
      await world.settle();
      expect(values()).toEqual(['a']);
      stop();
      await world.until(ended);
    }));

  it('ELECTION-8: what one txn changes is one change', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      await world.until(conclave.session.open());
      const { leaseId } = conclave.session;
      await world.truth.txn({ success: [put('elections/e/1', 'old', { leaseId })] });
      const { values, stop, ended } = observing({ conclave, store } as Client);
      await world.settle();
      await world.truth.txn({
        success: [remove('elections/e/1'), put('elections/e/2', 'new', { leaseId })],
      });
      await world.settle();
      expect(values()).toEqual(['old', 'new']);
      stop();
      await world.until(ended);
    }));

  it('ELECTION-8: an older state never follows a newer one, however late the events are', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const leadership = await world.until(a.conclave.election('e').campaign('1'));
      b.store.watchLagMs = 1_000;
      b.store.delay('range', { requestMs: 10 });
      const { values, stop, ended } = observing(b);
      await world.advance(1);
      await world.until(leadership.proclaim('2'));
      await world.until(leadership.proclaim('3'));
      await world.advance(5_000);
      await world.until(leadership.resign());
      await world.advance(5_000);
      expect(values()).toEqual(['3', null]);
      stop();
      await world.until(ended);
    }));

  for (const changes of [1_024, 3_000]) {
    it(`ELECTION-8: whoever has not read ${changes} changes is told no leader twice in a row, and the last one`, () =>
      inWorld(async (world) => {
        const { conclave } = world.client();
        const leadership = await world.until(conclave.election('e').campaign('a'));
        const controller = new AbortController();
        const leaders = conclave.election('e').observe({ signal: controller.signal });
        const told: (string | null)[] = [];
        const hear = async () => told.push((await world.until(leaders.next())).value?.value ?? null);
        await hear();
        const values = Array.from({ length: changes }, (_, i) => (i % 2 === 0 ? 'b' : 'a'));
        for (const value of values) await world.truth.txn({ success: [put(leadership.key, value, leadership)] });
        await world.settle();
        const last = values.at(-1);
        await world.until(leadership.resign());
        await world.settle();
        while (told.at(-1) !== null) await hear();
        expect(told.filter((value, i) => i > 0 && value === told[i - 1])).toEqual([]);
        expect(told.slice(-2)).toEqual([last, null]);
        expect(told.length).toBeGreaterThanOrEqual(1_024);
        controller.abort('enough');
      }));
  }

  it('ELECTION-9: after a compaction under a lost connection the present state follows, once', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const leadership = await world.until(a.conclave.election('e').campaign('1'));
      const { values, stop, ended } = observing(b);
      await world.settle();
      b.store.partition();
      await world.until(leadership.proclaim('2'));
      await world.until(leadership.proclaim('3'));
      b.store.endWatches();
      b.store.heal();
      await world.advance(10_000);
      b.store.endWatches();
      await world.advance(10_000);
      expect(values()).toEqual(['1', '3']);
      await world.until(leadership.resign());
      await world.settle();
      expect(values()).toEqual(['1', '3', null]);
      stop();
      await world.until(ended);
    }));

  it('ELECTION-9: a leader whose DELETE event was lost is found out within 20 s', () =>
    inWorld(async (world) => {
      const [a, b, c] = [world.client(), world.client(), world.client()];
      const { values, stop, ended } = observing(c);
      const first = await world.until(a.conclave.election('e').campaign('a'));
      await world.settle();
      c.store.dropDeletes = true;
      await world.until(first.resign());
      await world.until(b.conclave.election('e').campaign('b'));
      await world.advance(1_000);
      expect(values()).toEqual([null, 'a']);
      await world.advance(20_000);
      expect(values()).toEqual([null, 'a', 'b']);
      stop();
      await world.until(ended);
      expect(c.runtime.pendingTimers).toBe(0);
    }));

  it('ELECTION-9: looking for that tells nothing twice and leaves out nothing when events are late', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs: 600_000 }), world.client()];
      const leadership = await world.until(a.conclave.election('e').campaign('a'));
      const { values, stop, ended } = observing(b);
      await world.settle();
      b.store.watchLagMs = 5_000;
      await world.advance(8_000);
      await world.until(leadership.resign());
      const next = await world.until(a.conclave.election('e').campaign('b'));
      await world.until(next.proclaim('c'));
      await world.advance(60_000);
      expect(values()).toEqual(['a', null, 'b', 'c']);
      expect(b.store.counts).toMatchObject({ watch: 1, range: 1 + 6 });
      stop();
      await world.until(ended);
    }));

  it('ELECTION-9: a lost answer to its list is asked for again', () =>
    inWorld(async (world) => {
      const client = world.client();
      client.store.loseReply('range');
      client.store.loseRequest('range');
      const { values, stop, ended } = observing(client);
      await world.advance(1_000);
      expect(values()).toEqual([null]);
      stop();
      await world.until(ended);
    }));

  it('ELECTION-9: ends with the error when the store says that it will never work', () =>
    inWorld(async (world) => {
      const client = world.client();
      const { ended } = observing(client);
      await world.settle();
      client.store.endWatches(new ConclaveError('PERMISSION_DENIED', 'etcdserver: permission denied'));
      expect(await world.until(ended)).toMatchObject({ code: 'PERMISSION_DENIED' });
    }));

  it('ELECTION-9: an observer who does not listen holds no watch after its signal has aborted', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const controller = new AbortController();
      const leaders = conclave.election('e').observe({ signal: controller.signal });
      await world.until(leaders.next());
      expect(store.openWatches).toBe(1);
      controller.abort('enough');
      await world.settle();
      expect(store.openWatches).toBe(0);
      expect(await errorOf(leaders.next())).toBe('enough');
    }));

  it('ELECTION-9: leaving the loop ends the watch', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const once = async () => {
        for await (const leader of conclave.election('e').observe()) return leader;
        return undefined;
      };
      expect(await world.until(once())).toBeNull();
      expect(store.openWatches).toBe(0);
    }));

  it('ELECTION-9: close() of the connection ends it with CLOSED', () =>
    inWorld(async (world) => {
      const client = world.client();
      const { ended } = observing(client);
      await world.settle();
      await world.until(client.conclave.close());
      expect(await world.until(ended)).toMatchObject({ code: 'CLOSED' });
    }));
});
