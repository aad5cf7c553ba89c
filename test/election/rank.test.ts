import { describe, expect, it } from 'vitest';
import { deferred } from '../../src/core/deferred.js';
import type { Leadership } from '../../src/election/leadership.js';
import { outranks, rankIn, rankOf, tailOf } from '../../src/election/rank.js';
import { put, remove } from '../../src/store/ops.js';
import { anyCall } from '../support/faulty-store.js';
import { type Client, errorOf, inWorld, type SimWorld } from '../support/sim-world.js';
import { stand, standing, untilStopped, watchLeaders } from './support.js';

const ttlMs = 6_000;

/** Who leads after whom when each resigns as soon as it leads. */
async function orderOf(world: SimWorld, campaigns: readonly Promise<Leadership>[]): Promise<bigint[]> {
  const terms: bigint[] = [];
  const each = campaigns.map(async (campaign) => {
    const leadership = await campaign;
    terms.push(leadership.term);
    await leadership.resign();
  });
  await world.until(Promise.all(each));
  return terms;
}

describe('the rank of a candidate', () => {
  it('ELECTION-15: is read from its key as it was written there, any zone; foreign keys have none', () => {
    for (const priority of [0, 5, -7, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
      for (const zone of [undefined, 'eu-1', 'a.b/c', 'ä %', '.']) {
        for (const preferZone of [undefined, zone, 'other']) {
          const rank = rankOf({ priority, zone, preferZone });
          const tail = tailOf(rank ?? { priority: 0, preferred: false });
          expect(tail).not.toContain('/');
          expect({ zone: undefined, ...rankIn(tail) }).toEqual(rank);
        }
      }
    }
    expect(rankOf({})).toBeUndefined();
    for (const tail of ['', 'x', '5x', '5.', 'pp5', '--5']) expect(rankIn(tail)).toBeUndefined();
    expect(rankIn('1.%zz')).toEqual({ priority: 1, preferred: false, zone: '%zz' });
  });

  it('ELECTION-15: is a strict order: nobody outranks whoever is to lead rather than it', () => {
    const ranks = [
      {},
      { priority: 1, preferred: false },
      { priority: -1, preferred: true },
      { priority: 1, preferred: true },
    ];
    for (const a of ranks) {
      for (const b of ranks) {
        expect(outranks(a, b) && outranks(b, a)).toBe(false);
        for (const c of ranks) if (outranks(a, b) && outranks(b, c)) expect(outranks(a, c)).toBe(true);
      }
    }
    expect(outranks({ priority: -1, preferred: true }, { priority: 9, preferred: false })).toBe(true);
  });

  it.each([{ priority: 1.5 }, { priority: Number.NaN }, { zone: '' }, { zone: '\ud800' }, { preferZone: '' }])(
    'ELECTION-15: %j is refused before anything is sent',
    (options) =>
      inWorld(async (world) => {
        const { conclave, store } = world.client();
        const error = await world.until(errorOf(conclave.election('e').campaign('a', options)));
        expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' });
        expect(store.total).toBe(0);
      }),
  );
});

describe('campaign() with priorities', () => {
  it('ELECTION-15: the best leads next, each hands over once at most, and observers see no one in between', () =>
    inWorld(async (world) => {
      const clients = Array.from({ length: 5 }, () => world.client({ ttlMs }));
      const priorities = [1, 2, 5, 5, 3];
      const campaigns: Promise<Leadership>[] = [];
      for (const [i, priority] of priorities.entries()) {
        campaigns.push((await stand(world, clients[i] as Client, `${i}`, { priority })).campaign);
      }
      const [first] = campaigns as [Promise<Leadership>];
      const leader = await world.until(first);
      const watcher = watchLeaders(world, world.client({ ttlMs }));
      await world.advance(100);
      await world.until(leader.resign());
      const terms = await orderOf(world, campaigns.slice(1));
      expect([...terms].sort((a, b) => (a < b ? -1 : 1))).toEqual(terms);
      await world.advance(100);
      await watcher.stop();
      // 1 is first in line then, and hands over before anything else; 4 is better than 1 when its turn comes again.
      expect(watcher.values()).toEqual(['0', '1', '2', '3', '4', '1', null]);
      expect(await standing(world)).toEqual([]);
    }));

  it('ELECTION-15: without rivals one round trip; with a rank that nobody outranks one more', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      await world.until(a.conclave.session.open());
      const before = a.store.total;
      const leader = await world.until(a.conclave.election('e').campaign('a', { priority: 1, zone: 'x' }));
      expect(a.store.total - before).toBe(1);
      const { campaign: next } = await stand(world, b, 'b', { priority: 1 });
      const ranges = b.store.counts.range;
      await world.until(leader.resign());
      expect((await world.until(next)).held).toBe(true);
      expect(b.store.counts.range - ranges).toBe(1);
      expect(await world.until(b.conclave.election('e').leader())).toMatchObject({ priority: 1, preferred: false });
    }));

  it('ELECTION-15: a candidate of the preferred zone comes before a higher priority elsewhere', () =>
    inWorld(async (world) => {
      const clients = Array.from({ length: 4 }, () => world.client({ ttlMs }));
      const ranks = [
        { priority: 1 },
        { zone: 'b', preferZone: 'a', priority: 9 },
        { zone: 'a', preferZone: 'a', priority: -1 },
        { zone: 'c', preferZone: 'a', priority: 1 },
      ];
      const campaigns: Promise<Leadership>[] = [];
      for (const [i, rank] of ranks.entries())
        campaigns.push((await stand(world, clients[i] as Client, `${i}`, rank)).campaign);
      const watcher = watchLeaders(world, world.client({ ttlMs }));
      await world.advance(100);
      await world.until((await world.until(campaigns[0] as Promise<Leadership>)).resign());
      await orderOf(world, campaigns.slice(1));
      await watcher.stop();
      const values = watcher.values();
      expect(values.filter((each, i) => values.indexOf(each) === i).slice(0, 3)).toEqual(['0', '1', '2']);
      expect(values.indexOf('2')).toBeLessThan(values.lastIndexOf('1'));
      const all = await world.until(clients[0]?.conclave.election('e').candidates() ?? Promise.resolve([]));
      expect(all).toEqual([]);
    }));

  it('ELECTION-15: a better one that is silent, or behind a foreign candidate, is passed over for the next best', () =>
    inWorld(async (world) => {
      const clients = Array.from({ length: 5 }, () => world.client({ ttlMs }));
      const [a, b, c, d, e] = clients as [Client, Client, Client, Client, Client];
      const { campaign: first } = await stand(world, a, 'a');
      await stand(world, b, 'b', { priority: 1 });
      await stand(world, c, 'dead', { priority: 9 });
      const { campaign: fourth } = await stand(world, d, 'd', { priority: 2 });
      const { leaseId } = a.conclave.session;
      const go = `elections/e/${leaseId.toString(16)}`;
      await world.truth.txn({ success: [put(go, 'go', { leaseId })] });
      await stand(world, e, 'e', { priority: 7 });
      c.store.partition();
      await world.advance(4_500);
      await world.until((await world.until(first)).resign());
      expect((await world.until(fourth)).held).toBe(true);
      await world.truth.txn({ success: [remove(go)] });
      c.store.heal();
      await world.until((await world.until(fourth)).resign());
      await world.advance(15_000);
      expect((await standing(world))[0]).toBe('e');
    }));

  it('ELECTION-15: a candidate without rank hands over to nobody', () =>
    inWorld(async (world) => {
      const [a, b, c] = [world.client({ ttlMs }), world.client({ ttlMs }), world.client({ ttlMs })];
      const { campaign: first } = await stand(world, a, 'a');
      const { campaign: second } = await stand(world, b, 'b');
      await stand(world, c, 'c', { priority: 9 });
      await world.until((await world.until(first)).resign());
      expect((await world.until(second)).held).toBe(true);
    }));

  it.each(['abort', 'session'] as const)(
    'ELECTION-15, ELECTION-3: ended by its %s while it hands over: nothing stays',
    (how) =>
      inWorld(async (world) => {
        const [a, b, c] = [world.client({ ttlMs }), world.client({ ttlMs }), world.client({ ttlMs })];
        const { campaign: first } = await stand(world, a, 'a');
        const aborts = new AbortController();
        const { campaign: second } = await stand(world, b, 'b', { priority: 1, signal: aborts.signal });
        const { campaign: third } = await stand(world, c, 'c', { priority: 9 });
        b.store.partitionAt('range');
        await world.until((await world.until(first)).resign());
        await world.advance(300);
        const startedMs = world.sim.nowMs;
        const error = errorOf(second);
        if (how === 'abort') aborts.abort('enough');
        const ended = await world.until(error);
        if (how === 'abort') {
          expect(ended).toBe('enough');
          expect(world.sim.nowMs - startedMs).toBeLessThanOrEqual(1_000);
        } else {
          expect(ended).toMatchObject({ code: 'SESSION_LOST', loss: 'deadline' });
        }
        b.store.heal();
        expect((await world.until(third)).held).toBe(true);
        expect(await standing(world)).toEqual(['c']);
      }),
  );

  const faults = (['request', 'reply', 'late'] as const).flatMap((fault) =>
    Array.from({ length: 8 }, (_, skip) => ({ fault, skip })),
  );

  it.each(faults)(
    'ELECTION-15, ELECTION-10: call $skip of one that hands over to a better one: $fault',
    ({ fault, skip }) =>
      inWorld(async (world) => {
        const clients = Array.from({ length: 4 }, () => world.client({ ttlMs }));
        const [a, b, c, d] = clients as [Client, Client, Client, Client];
        const { campaign: first } = await stand(world, a, 'a');
        const { campaign: second } = await stand(world, b, 'b', { priority: 1 });
        const { campaign: third } = await stand(world, c, 'c', { priority: 1 });
        const { campaign: fourth } = await stand(world, d, 'd', { priority: 2 });
        const leader = await world.until(first);
        if (fault === 'request') b.store.loseRequest(anyCall, skip);
        else if (fault === 'reply') b.store.loseReply(anyCall, skip);
        else b.store.applyLate(anyCall, 2_000, skip);
        await world.until(leader.resign());
        const terms = await orderOf(world, [second, third, fourth]);
        expect(terms).toHaveLength(3);
        expect([...terms].sort((x, y) => (x < y ? -1 : 1))).toEqual(terms);
        await world.advance(3_000);
        expect(b.store.pendingFaults).toBe(0);
        expect(await standing(world)).toEqual([]);
      }),
  );
});

describe('run() with preempt', () => {
  async function running(world: SimWorld, client: Client, value: string, priority: number, finish?: Promise<void>) {
    const aborts = new AbortController();
    const led: Leadership[] = [];
    const work = async (leadership: Leadership) => {
      led.push(leadership);
      await untilStopped(leadership);
      await finish;
    };
    const options = { priority, preempt: true, signal: aborts.signal };
    const ended = errorOf(client.conclave.election('e').run(value, work, options));
    await world.advance(300);
    return {
      led,
      stop: async () => {
        aborts.abort('enough');
        expect(await world.until(ended)).toBe('enough');
      },
    };
  }

  it('ELECTION-16: hands over to a better one that has come, when the work has settled, and never back', () =>
    inWorld(async (world) => {
      const finish = deferred();
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const low = await running(world, a, 'low', 1, finish.promise);
      const same = await running(world, world.client({ ttlMs }), 'same', 1);
      await world.advance(1_000);
      expect([low.led.length, same.led.length]).toEqual([1, 0]);
      const high = await running(world, b, 'high', 2);
      await world.advance(5_000);
      const [first] = low.led as [Leadership];
      expect(first.signal.reason).toMatchObject({ code: 'HAND_OVER' });
      expect([first.held, high.led.length]).toEqual([true, 0]);
      finish.resolve();
      await world.advance(60_000);
      expect([low.led.length, same.led.length, high.led.length]).toEqual([1, 0, 1]);
      expect(high.led[0]?.held).toBe(true);
      expect(await standing(world)).toEqual(['high', 'same', 'low']);
      for (const each of [high, same, low]) await each.stop();
    }));

  it('ELECTION-16: a better one that is silent is tried again, and gets it when it is back', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs: 60_000 })];
      await world.until(b.conclave.session.open());
      const high = await running(world, b, 'high', 2);
      const low = await running(world, a, 'low', 1);
      b.store.partition();
      await world.advance(35_000);
      await world.truth.txn({ success: [remove(high.led[0]?.key ?? '')] });
      const key = `elections/e/${b.conclave.session.leaseId.toString(16)}.${'0'.repeat(16)}.0.9`;
      await world.truth.txn({ success: [put(key, 'back', { leaseId: b.conclave.session.leaseId })] });
      await world.advance(1_000);
      expect(low.led[0]?.signal.aborted).toBe(false);
      b.store.heal();
      await world.advance(30_000);
      expect(low.led[0]?.signal.reason).toMatchObject({ code: 'HAND_OVER' });
      await world.truth.txn({ success: [remove(key)] });
      await low.stop();
      await high.stop();
    }));

  it('ELECTION-16: a rival that flaps costs one hand-over per coming, and a dead one none', () =>
    inWorld(async (world) => {
      const a = world.client({ ttlMs });
      const low = await running(world, a, 'low', 1);
      const dead = world.client({ ttlMs });
      await world.until(dead.conclave.session.open());
      const { leaseId } = dead.conclave.session;
      dead.store.partition();
      await world.advance(4_500);
      await world.truth.txn({
        success: [put(`elections/e/${leaseId.toString(16)}.${'0'.repeat(16)}.0.9`, 'dead', { leaseId })],
      });
      await world.advance(10_000);
      expect(low.led).toHaveLength(1);
      dead.store.heal();
      for (let i = 2; i < 5; i++) {
        const high = await running(world, world.client({ ttlMs }), 'high', 2);
        await world.advance(1_000);
        expect(high.led).toHaveLength(1);
        await high.stop();
        await world.advance(1_000);
        expect(low.led).toHaveLength(i);
      }
      await low.stop();
    }));

  it('ELECTION-16: the watch for better ones ends with the term, whatever ends that', () =>
    inWorld(async (world) => {
      const a = world.client({ ttlMs });
      const low = await running(world, a, 'low', 1);
      const watches = a.store.openWatches;
      await world.truth.leaseRevoke({ id: a.conclave.session.leaseId });
      await world.advance(3_000);
      expect(low.led).toHaveLength(2);
      expect(a.store.openWatches).toBe(watches);
      a.store.endWatches();
      await world.advance(1_000);
      const high = await running(world, world.client({ ttlMs }), 'high', 2);
      await world.advance(1_000);
      expect(high.led).toHaveLength(1);
      await low.stop();
      await high.stop();
      expect(a.store.openWatches).toBe(0);
    }));
});
