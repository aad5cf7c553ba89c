import { describe, expect, it } from 'vitest';
import type { Held } from '../../src/line/held.js';
import type { TxnRequest } from '../../src/store/messages.js';
import { type Client, inWorld, type SimWorld } from '../support/sim-world.js';

const ttlMs = 60_000;

/** What something has cost a client: requests, watches, and events that it was told. */
interface Cost {
  readonly txn: number;
  readonly range: number;
  readonly watch: number;
  readonly events: number;
}

interface Operation {
  /** Before the count begins; what it returns is given to `run`. */
  prepare?(world: SimWorld, other: Client, client: Client): Promise<Held | undefined>;
  run(client: Client, prepared: Held | undefined): Promise<unknown>;
  readonly cost: Partial<Cost>;
  /** More keys on the store than before. */
  readonly keys: number;
}

const nothing = { txn: 0, range: 0, watch: 0, events: 0 };

function costOf({ counts: { txn, range, watch }, events }: Client['store']): Cost {
  return { txn, range, watch, events };
}

async function costing(world: SimWorld, client: Client, work: () => Promise<unknown>): Promise<Cost> {
  const before = costOf(client.store);
  await world.until(work());
  await world.settle();
  const after = costOf(client.store);
  return {
    txn: after.txn - before.txn,
    range: after.range - before.range,
    watch: after.watch - before.watch,
    events: after.events - before.events,
  };
}

const hundred = Array.from({ length: 100 }, (_, i) => `n${i}`);
const taken = (world: SimWorld, { conclave }: Client) => world.until(conclave.lock('x'));
const own = (world: SimWorld, _: Client, client: Client) => taken(world, client);

const operations: Readonly<Record<string, Operation>> = {
  'lock, free': { run: ({ conclave }) => conclave.lock('x'), cost: { txn: 1 }, keys: 1 },
  'release of a lock': { prepare: own, run: async (_, held) => held?.release(), cost: { txn: 1 }, keys: -1 },
  'tryLock, free': { run: ({ conclave }) => conclave.tryLock('x'), cost: { txn: 1 }, keys: 1 },
  'tryLock, busy': { prepare: taken, run: ({ conclave }) => conclave.tryLock('x'), cost: { txn: 1 }, keys: 0 },
  'withLock, free': { run: ({ conclave }) => conclave.withLock('x', () => {}), cost: { txn: 2 }, keys: 0 },
  'read, free': { run: ({ conclave }) => conclave.rwLock('x').read(), cost: { txn: 1 }, keys: 1 },
  'tryWrite, busy': {
    prepare: (world, { conclave }) => world.until(conclave.rwLock('x').read()),
    run: ({ conclave }) => conclave.rwLock('x').tryWrite(),
    cost: { txn: 1 },
    keys: 0,
  },
  'acquire of permits, free': {
    prepare: (world, { conclave }) => world.until(conclave.semaphore('s', { permits: 3 }).acquire()),
    run: ({ conclave }) => conclave.semaphore('s', { permits: 3 }).acquire({ permits: 2 }),
    cost: { txn: 1 },
    keys: 1,
  },
  'tryAcquire, busy': {
    prepare: (world, { conclave }) => world.until(conclave.semaphore('s', { permits: 3 }).acquire({ permits: 3 })),
    run: ({ conclave }) => conclave.semaphore('s', { permits: 3 }).tryAcquire(),
    cost: { txn: 1 },
    keys: 0,
  },
  'campaign, nobody else': { run: ({ conclave }) => conclave.election('e').campaign('v'), cost: { txn: 1 }, keys: 1 },
  'lockAll of 100 free names': { run: ({ conclave }) => conclave.lockAll(hundred), cost: { txn: 1 }, keys: 100 },
  'tryLockAll, one busy': {
    prepare: (world, { conclave }) => world.until(conclave.lock('n42')),
    run: ({ conclave }) => conclave.tryLockAll(hundred.slice(0, 60)),
    cost: { txn: 1 },
    keys: 0,
  },
  inspectLock: { prepare: taken, run: ({ conclave }) => conclave.inspectLock('x'), cost: { range: 1 }, keys: 0 },
};

describe('what an operation costs', () => {
  it.each(Object.entries(operations))('LINE-11: %s', (_, { prepare, run, cost, keys }) =>
    inWorld(async (world) => {
      const [client, other] = [world.client({ ttlMs }), world.client({ ttlMs })];
      await world.until(client.conclave.session.open());
      const prepared = await prepare?.(world, other, client);
      const before = world.host.stats().keys;
      expect(await costing(world, client, () => run(client, prepared))).toEqual({ ...nothing, ...cost });
      expect(world.host.stats().keys - before).toBe(keys);
      for (const each of [client, other]) await world.until(each.conclave.close());
      await world.truth.txn({
        success: [{ type: 'deleteRange', request: { key: Buffer.from('semaphores/s/declared') } }],
      });
    }),
  );

  const uses: Record<string, { use: (client: Client) => Promise<{ release(): Promise<void> } | null>; keys: number }> =
    {
      lock: { use: ({ conclave }) => conclave.lock('x'), keys: 1 },
      tryLock: { use: ({ conclave }) => conclave.tryLock('x'), keys: 1 },
      'a read lock': { use: ({ conclave }) => conclave.rwLock('x').read(), keys: 1 },
      'permits, with the key that says how many there are': {
        use: ({ conclave }) => conclave.semaphore('s', { permits: 3 }).acquire({ permits: 2 }),
        keys: 2,
      },
      'lockAll, free': { use: ({ conclave }) => conclave.lockAll(['x', 'y']), keys: 2 },
      'lockAll, too many for one txn': {
        use: ({ conclave }) => conclave.lockAll(Array.from({ length: 128 }, (_, i) => ({ read: `n${i}` }))),
        keys: 128,
      },
      campaign: { use: ({ conclave }) => conclave.election('e').campaign('v'), keys: 1 },
    };

  it.each(Object.entries(uses))(
    'LINE-13: as many keys are ever made, however often it is used: %s',
    (_, { use, keys }) =>
      inWorld(async (world) => {
        const client = world.client({ ttlMs });
        for (let i = 0; i < 5; i++) {
          const held = await world.until(use(client));
          await world.until(held?.release() ?? Promise.reject(new Error('busy')));
        }
        expect(world.keysEverMade().size).toBe(keys);
        await world.until(client.conclave.close());
        await world.truth.txn({
          success: [{ type: 'deleteRange', request: { key: Buffer.from('semaphores/s/declared') } }],
        });
      }),
  );

  it('LINE-13: three who take turns have three, and one who gives up leaves its own to the next', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      for (let i = 0; i < 5; i++) {
        const turns = Array.from({ length: 3 }, () => conclave.lock('x'));
        for (const turn of turns) await world.until((await world.until(turn)).release());
        const held = await world.until(conclave.lock('x'));
        await expect(world.until(conclave.lock('x', { timeoutMs: 100 }))).rejects.toMatchObject({ code: 'TIMEOUT' });
        await world.until(held.release());
      }
      expect(world.keysEverMade().size).toBe(3);
      await world.until(conclave.close());
    }));

  it('LINE-13: after a request that was never answered there are others', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      await world.until(conclave.session.open());
      store.loseReply((name) => name === 'txn');
      await world.until((await world.until(conclave.lock('x'))).release());
      await world.until((await world.until(conclave.lock('x'))).release());
      expect(world.keysEverMade().size).toBe(2);
      await world.until(conclave.close());
    }));

  it('LINE-11: a waiter has one key, its predecessor and itself to watch, and asks twice', () =>
    inWorld(async (world) => {
      const [client, other] = [world.client({ ttlMs }), world.client({ ttlMs })];
      await world.until(client.conclave.session.open());
      const held = await taken(world, other);
      let waiting: Promise<Held> | undefined;
      const cost = await costing(world, client, async () => {
        waiting = client.conclave.lock('x');
      });
      expect(cost).toEqual({ txn: 2, range: 0, watch: 2, events: 0 });
      expect(await world.keys('locks/x/')).toHaveLength(2);
      const handOver = await costing(world, client, () => held.release());
      expect(handOver).toEqual({ txn: 1, range: 0, watch: 0, events: 1 });
      expect(client.store.openWatches).toBe(0);
      await world.until((await waiting)?.release() ?? Promise.resolve());
    }));

  it.each([1, 10, 100, 1_000])('LINE-11: a hand-over is one event and one look, with %i who wait', (count) =>
    inWorld(async (world) => {
      const client = world.client({ ttlMs: 600_000 });
      const { conclave } = client;
      const sessions = await world.until(Promise.all(Array.from({ length: count + 1 }, () => conclave.newSession())));
      const waiting: Promise<Held>[] = [];
      for (const session of sessions) {
        waiting.push(conclave.lock('x', { session }));
        await world.settle();
      }
      const [first, second] = waiting;
      const held = await world.until(first as Promise<Held>);
      const cost = await costing(world, client, async () => held.release());
      // The release, and the look of the one who is next; behind its turn what it writes as the head of a long line.
      expect(cost).toEqual({ txn: count > 256 ? 3 : 2, range: 0, watch: 0, events: 1 });
      expect((await world.until(second as Promise<Held>)).held).toBe(true);
      const rest = waiting.slice(2).map((each) => each.catch(() => {}));
      await world.until(conclave.close());
      await world.until(Promise.all(rest));
    }),
  );

  it('LINE-11: who goes on waiting has two keys compared every 10 s, and reads none', () =>
    inWorld(async (world) => {
      const [client, other] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const held = await taken(world, other);
      const waiting = [client.conclave.lock('x'), client.conclave.rwLock('x').read()];
      await world.settle();
      const { length } = client.store.log;
      const cost = await costing(world, client, () => world.advance(20_000));
      expect(cost).toEqual({ ...nothing, txn: 4 });
      const txns = client.store.log.slice(length).filter(({ name }) => name === 'txn');
      const asked = txns.map(({ request }) => request as TxnRequest);
      expect(asked.map(({ compare, success }) => [compare?.length, success?.length ?? 0])).toEqual(
        Array(4).fill([2, 0]),
      );
      await world.until(held.release());
      for (const each of waiting) await world.until((await world.until(each)).release());
    }));
});
