import { describe, expect, it } from 'vitest';
import { deferred } from '../../src/core/deferred.js';
import type { Leader } from '../../src/election/leader.js';
import type { Leadership } from '../../src/election/leadership.js';
import { etcdError } from '../../src/store/etcd-errors.js';
import type { TxnRequest } from '../../src/store/messages.js';
import { put, remove } from '../../src/store/ops.js';
import { anyCall, type CallName } from '../support/faulty-store.js';
import { type Client, errorOf, inWorld, type SimWorld } from '../support/sim-world.js';
import { stand, standing, untilStopped, watchLeaders } from './support.js';

const ttlMs = 6_000;

/** The txn that lets go in favour of the next one. */
const parting = (name: CallName, request: unknown) =>
  name === 'txn' && (request as TxnRequest).compare?.length === 2 && (request as TxnRequest).success?.length === 1;

/** The first of `values` leads, the others stand behind it in this order. */
async function lineOf(world: SimWorld, ...values: string[]) {
  const clients = new Map<string, Client>();
  const campaigns = new Map<string, Promise<Leadership>>();
  for (const value of values) {
    const client = world.client({ ttlMs });
    clients.set(value, client);
    const { campaign } = await stand(world, client, value);
    campaigns.set(value, campaign);
  }
  const won = (value: string) => world.until(campaigns.get(value) as Promise<Leadership>);
  const client = (value: string) => clients.get(value) as Client;
  return { client, won, leader: await won(values[0] as string) };
}

async function candidate(world: SimWorld, value: string): Promise<Leader> {
  const all = await world.until(world.client().conclave.election('e').candidates());
  const found = all.find((each) => each.value === value);
  if (found === undefined) throw new Error(`${value} does not stand`);
  return found;
}

describe('handOver()', () => {
  it('ELECTION-13: the named one leads next, those between stand behind in their order, nobody else is seen', () =>
    inWorld(async (world) => {
      const { won, leader } = await lineOf(world, 'a', 'b', 'c', 'd', 'e');
      const watcher = watchLeaders(world, world.client({ ttlMs }));
      await world.advance(100);
      const d = await candidate(world, 'd');
      await world.until(leader.handOver(d));
      expect(leader.held).toBe(false);
      expect(leader.signal.reason).toMatchObject({ code: 'RELEASED' });
      expect((await won('d')).term).toBe(d.term);
      expect(await standing(world)).toEqual(['d', 'e', 'b', 'c']);
      const terms: bigint[] = [];
      for (const value of ['d', 'e', 'b', 'c']) {
        const next = await won(value);
        terms.push(next.term);
        await world.until(next.resign());
        await world.advance(100);
      }
      expect([...terms].sort((a, b) => (a < b ? -1 : 1))).toEqual(terms);
      await watcher.stop();
      expect(watcher.values()).toEqual(['a', 'd', 'e', 'b', 'c', null]);
    }));

  it('ELECTION-13: by value; one that stands next costs three round trips and moves nobody', () =>
    inWorld(async (world) => {
      const { client, won, leader } = await lineOf(world, 'a', 'b', 'c');
      const before = client('a').store.total;
      await world.until(leader.handOver('b'));
      // Who stands, whether the next one lives, and the letting go; the watch on the own key is not counted.
      expect(client('a').store.total - before).toBe(3);
      expect((await won('b')).held).toBe(true);
      expect(await standing(world)).toEqual(['b', 'c']);
    }));

  it('ELECTION-13: a candidate that an earlier hand-over has moved is known by what was seen of it before', () =>
    inWorld(async (world) => {
      const { won, leader } = await lineOf(world, 'a', 'b', 'c');
      const b = await candidate(world, 'b');
      await world.until(leader.handOver('c'));
      const c = await won('c');
      await world.until(c.handOver(b));
      expect((await won('b')).term).toBeGreaterThan(c.term);
    }));

  it('ELECTION-13: one that gave up and stands again is another, though it has the same key', () =>
    inWorld(async (world) => {
      const { client, leader } = await lineOf(world, 'a');
      const aborts = new AbortController();
      const first = client('a').conclave.election('e').campaign('b', { signal: aborts.signal });
      await world.settle();
      const seen = await candidate(world, 'b');
      aborts.abort(new Error('given up'));
      await expect(world.until(first)).rejects.toThrow('given up');
      const again = client('a').conclave.election('e').campaign('b');
      await world.settle();
      const { key, term } = await candidate(world, 'b');
      expect(key).toBe(seen.key);
      expect(term).toBeGreaterThan(seen.term);
      expect(await world.until(errorOf(leader.handOver(seen)))).toMatchObject({ code: 'NOT_FOUND' });
      await world.until(leader.handOver({ ...seen, key, term }));
      expect((await world.until(again)).term).toBe(term);
    }));

  it('ELECTION-13: refused while the leader goes on: nobody of that name, one that is silent, itself', () =>
    inWorld(async (world) => {
      const { client, leader } = await lineOf(world, 'a', 'b', 'c');
      const stale = { ...(await candidate(world, 'c')), key: `${leader.key.slice(0, -1)}x`, term: 99n };
      expect(await world.until(errorOf(leader.handOver('nobody')))).toMatchObject({ code: 'NOT_FOUND' });
      expect(await world.until(errorOf(leader.handOver(stale)))).toMatchObject({ code: 'NOT_FOUND' });
      expect(await world.until(errorOf(leader.handOver(leader)))).toMatchObject({ code: 'NOT_FOUND' });
      client('c').store.partition();
      await world.advance(4_500);
      expect(await world.until(errorOf(leader.handOver('c')))).toMatchObject({ code: 'FAILED_PRECONDITION' });
      client('c').store.heal();
      expect(leader.held).toBe(true);
      expect(leader.signal.aborted).toBe(false);
      expect((await standing(world)).slice(0, 2)).toEqual(['a', 'b']);
    }));

  it("ELECTION-13: never past a candidate of Go's or etcdctl's, but to one", () =>
    inWorld(async (world) => {
      const { client, leader } = await lineOf(world, 'a', 'b');
      const { leaseId } = client('b').conclave.session;
      const go = `elections/e/${leaseId.toString(16)}`;
      await world.truth.txn({ success: [put(go, 'go', { leaseId })] });
      await stand(world, world.client({ ttlMs }), 'c');
      const error = await world.until(errorOf(leader.handOver('c')));
      expect(error).toMatchObject({ code: 'FAILED_PRECONDITION', outcome: 'not-applied' });
      expect(leader.held).toBe(true);
      await leader.proclaim('a, still');
      await world.until(leader.handOver('go'));
      expect((await standing(world))[0]).toBe('go');
      await world.truth.txn({ success: [remove(go)] });
    }));

  it('ELECTION-13: an abort or a timeout before it lets go leaves the leader leading', () =>
    inWorld(async (world) => {
      const { client, leader } = await lineOf(world, 'a', 'b', 'c');
      client('a').store.partition();
      expect(await world.until(errorOf(leader.handOver('c', { timeoutMs: 100 })))).toMatchObject({ code: 'TIMEOUT' });
      const aborts = new AbortController();
      const error = errorOf(leader.handOver('c', { signal: aborts.signal }));
      await world.advance(10);
      aborts.abort('enough');
      expect(await world.until(error)).toBe('enough');
      client('a').store.heal();
      expect(leader.held).toBe(true);
      await world.until(leader.handOver('c'));
    }));

  it('ELECTION-13: the candidate goes in the moment of letting go: who is next leads, and the caller is told', () =>
    inWorld(async (world) => {
      const { client, won, leader } = await lineOf(world, 'a', 'b', 'c');
      client('a').store.delay(parting, { requestMs: 500 });
      const error = errorOf(leader.handOver('b'));
      await world.settle();
      expect(leader.held).toBe(false);
      await world.truth.leaseRevoke({ id: client('b').conclave.session.leaseId });
      expect(await world.until(error)).toMatchObject({ code: 'NOT_FOUND' });
      expect((await won('c')).held).toBe(true);
      await world.advance(1_000);
    }));

  it('ELECTION-13: the leader is gone before it lets go: resolves if the candidate stands, who leads then', () =>
    inWorld(async (world) => {
      const { client, won, leader } = await lineOf(world, 'a', 'b', 'c');
      client('a').store.delay(parting, { requestMs: 500 });
      const handed = leader.handOver('b');
      await world.settle();
      await world.truth.txn({ success: [remove(leader.key)] });
      await world.until(handed);
      expect((await won('b')).held).toBe(true);
    }));

  it('ELECTION-13: the candidate and then the leader are gone before it lets go: who is next leads, NOT_FOUND', () =>
    inWorld(async (world) => {
      const { client, won, leader } = await lineOf(world, 'a', 'b', 'c');
      client('a').store.delay(parting, { requestMs: 500 });
      const error = errorOf(leader.handOver('b'));
      await world.settle();
      await world.truth.leaseRevoke({ id: client('b').conclave.session.leaseId });
      await world.truth.txn({ success: [remove(leader.key)] });
      expect(await world.until(error)).toMatchObject({ code: 'NOT_FOUND', outcome: 'unknown' });
      expect((await won('c')).held).toBe(true);
      await world.advance(1_000);
    }));

  it('ELECTION-13: the answer is lost and the candidate has led and gone when it is asked again: not to be told', () =>
    inWorld(async (world) => {
      const { client, won, leader } = await lineOf(world, 'a', 'b', 'c');
      client('a').store.loseReply(parting);
      client('a').store.delay(parting, { requestMs: 1_000 });
      const handed = errorOf(leader.handOver('b'));
      await world.until((await won('b')).resign());
      expect((await won('c')).held).toBe(true);
      expect(await world.until(handed)).toMatchObject({ code: 'NOT_FOUND', outcome: 'unknown' });
    }));

  it('ELECTION-13: held is false before anybody else can lead, and the signal has aborted', () =>
    inWorld(async (world) => {
      const { client, leader } = await lineOf(world, 'a', 'b');
      client('a').store.delay(parting, { requestMs: 300, replyMs: 300 });
      const handed = leader.handOver('b');
      await world.settle();
      expect({ held: leader.held, aborted: leader.signal.aborted }).toEqual({ held: false, aborted: true });
      expect((await standing(world))[0]).toBe('a');
      await world.until(handed);
    }));

  it('ELECTION-13: not confirmed within 5 s: TIMEOUT, unknown, and done as soon as the store answers', () =>
    inWorld(async (world) => {
      const { client, won, leader } = await lineOf(world, 'a', 'b');
      client('a').store.partitionAt(parting);
      const error = errorOf(leader.handOver('b'));
      await world.advance(5_000);
      expect(await world.until(error)).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
      client('a').store.heal();
      expect((await won('b')).held).toBe(true);
      await world.advance(1_000);
    }));

  it('ELECTION-13: a leader that is none any more hands over nothing', () =>
    inWorld(async (world) => {
      const { leader } = await lineOf(world, 'a', 'b', 'c');
      await world.truth.txn({ success: [remove(leader.key)] });
      expect(await world.until(errorOf(leader.handOver('c')))).toMatchObject({ code: 'LOST' });
      expect(await standing(world)).toEqual(['b', 'c']);
      await world.advance(1_000);
      expect(await world.until(errorOf(leader.handOver('c')))).toMatchObject({ code: 'LOST' });
    }));

  it('ELECTION-13: what the store refuses comes out, and the leader leads on', () =>
    inWorld(async (world) => {
      const { client, leader } = await lineOf(world, 'a', 'b', 'c');
      client('a').store.refuse('txn', etcdError('permissionDenied'));
      expect(await world.until(errorOf(leader.handOver('c')))).toMatchObject({ code: 'PERMISSION_DENIED' });
      expect(leader.held).toBe(true);
    }));

  /** A hand-over past one candidate makes this many calls; each request and each reply is lost in turn. */
  const faults = (['request', 'reply', 'late', 'twice'] as const).flatMap((fault) =>
    Array.from({ length: 5 }, (_, skip) => ({ fault, skip })),
  );

  it.each(faults)('ELECTION-13, ELECTION-10: call $skip of a hand-over: $fault', ({ fault, skip }) =>
    inWorld(async (world) => {
      const { client, won, leader } = await lineOf(world, 'a', 'b', 'c');
      const watcher = watchLeaders(world, world.client({ ttlMs }));
      await world.advance(500);
      const { store } = client('a');
      if (fault === 'request') store.loseRequest(anyCall, skip);
      else if (fault === 'reply') store.loseReply(anyCall, skip);
      else if (fault === 'late') store.applyLate(anyCall, 3_000, skip);
      else store.duplicate(anyCall, 3_000, skip);
      await world.until(leader.handOver('c'));
      expect((await won('c')).held).toBe(true);
      await world.advance(4_000);
      expect(store.pendingFaults).toBe(0);
      expect(await standing(world)).toEqual(['c', 'b']);
      expect(watcher.values()).toEqual(['a', 'c']);
      await watcher.stop();
      await world.until((await won('c')).resign());
      expect((await won('b')).held).toBe(true);
    }),
  );
});

describe('handOver() under run()', () => {
  async function running(world: SimWorld, work: (leadership: Leadership) => Promise<void>) {
    const a = world.client({ ttlMs });
    const aborts = new AbortController();
    const led: Leadership[] = [];
    const ended = errorOf(
      a.conclave.election('e').run(
        'a',
        async (leadership) => {
          led.push(leadership);
          await work(leadership);
        },
        { signal: aborts.signal },
      ),
    );
    await world.advance(300);
    const stop = async () => {
      aborts.abort('enough');
      expect(await world.until(ended)).toBe('enough');
    };
    return { a, led, ended, stop };
  }

  it('ELECTION-14: the work is told why it must stop, settles while still leading, then it is handed over', () =>
    inWorld(async (world) => {
      const finish = deferred();
      const { led, stop } = await running(world, async (leadership) => {
        await untilStopped(leadership);
        await leadership.proclaim('a, going');
        await finish.promise;
      });
      const { campaign: b } = await stand(world, world.client({ ttlMs }), 'b');
      const { campaign: c } = await stand(world, world.client({ ttlMs }), 'c');
      const [first] = led as [Leadership];
      await world.until(first.handOver('c'));
      expect(first.signal.reason).toMatchObject({ code: 'HAND_OVER' });
      await world.advance(20_000);
      expect(first.held).toBe(true);
      expect(await standing(world)).toEqual(['a, going', 'c', 'b']);
      finish.resolve();
      const next = await world.until(c);
      expect(next.held).toBe(true);
      await world.advance(1_000);
      // It stands again, at the end.
      expect(await standing(world)).toEqual(['c', 'b', 'a']);
      await world.until(next.resign());
      await world.until((await world.until(b)).resign());
      await world.advance(1_000);
      expect(led).toHaveLength(2);
      await stop();
    }));

  it('ELECTION-14: may be asked for by the work itself, and what that throws afterwards is the consequence', () =>
    inWorld(async (world) => {
      let asked = 0;
      const { led, stop } = await running(world, async (leadership) => {
        asked += 1;
        if (asked > 1) return untilStopped(leadership);
        await new Promise((resolve) => world.sim.setTimer(2_000, () => resolve(undefined)));
        await leadership.handOver('b');
        throw new Error('stopped in the middle');
      });
      const { campaign: b } = await stand(world, world.client({ ttlMs }), 'b');
      const next = await world.until(b);
      await world.until(next.resign());
      await world.advance(1_000);
      expect(led).toHaveLength(2);
      await stop();
    }));

  it('ELECTION-14: whoever was to lead has gone when the work has settled: it starts again in the same term', () =>
    inWorld(async (world) => {
      let settle = deferred();
      const { led, stop } = await running(world, async (leadership) => {
        await untilStopped(leadership);
        await settle.promise;
      });
      const b = world.client({ ttlMs });
      await stand(world, b, 'b');
      await world.until((led[0] as Leadership).proclaim('a, warm'));
      await world.until((led[0] as Leadership).handOver('b'));
      await world.truth.leaseRevoke({ id: b.conclave.session.leaseId });
      settle.resolve();
      await world.advance(1_000);
      expect(led).toHaveLength(2);
      const [first, second] = led as [Leadership, Leadership];
      expect([second.term, second.key, second.held, first.held]).toEqual([first.term, first.key, true, false]);
      await world.until(second.proclaim('a, again'));
      expect(await standing(world)).toEqual(['a, again']);
      settle = deferred();
      settle.resolve();
      await stop();
      expect(await standing(world)).toEqual([]);
    }));

  it('ELECTION-14: also when that shows only as it lets go; and after the abort nothing is started again', () =>
    inWorld(async (world) => {
      const { a, led, stop } = await running(world, untilStopped);
      const b = world.client({ ttlMs });
      await stand(world, b, 'b');
      a.store.delay(parting, { requestMs: 500 });
      await world.until((led[0] as Leadership).handOver('b'));
      await world.settle();
      await world.truth.leaseRevoke({ id: b.conclave.session.leaseId });
      await world.advance(1_000);
      expect(led).toHaveLength(2);
      expect(led[1]?.term).toBe(led[0]?.term);
      const c = world.client({ ttlMs });
      await stand(world, c, 'c');
      a.store.delay(parting, { requestMs: 500 });
      await world.until((led[1] as Leadership).handOver('c'));
      const stopped = stop();
      await world.settle();
      await world.truth.leaseRevoke({ id: c.conclave.session.leaseId });
      await stopped;
      expect(led).toHaveLength(2);
      expect(await standing(world)).toEqual([]);
    }));

  it('ELECTION-14: a loss while the work settles is a loss, and it stands again with a fresh session', () =>
    inWorld(async (world) => {
      const finish = deferred();
      const { a, led, stop } = await running(world, async (leadership) => {
        await untilStopped(leadership);
        if (led.length === 1) await finish.promise;
      });
      const { campaign: b } = await stand(world, world.client({ ttlMs }), 'b');
      await world.until((led[0] as Leadership).handOver('b'));
      await world.truth.leaseRevoke({ id: a.conclave.session.leaseId });
      await world.advance(3_000);
      finish.resolve();
      await world.until((await world.until(b)).resign());
      await world.advance(1_000);
      expect(led).toHaveLength(2);
      await stop();
    }));
});
