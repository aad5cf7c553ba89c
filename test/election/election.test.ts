import { describe, expect, it } from 'vitest';
import { remove } from '../../src/store/ops.js';
import { anyCall } from '../support/faulty-store.js';
import { type Client, errorOf, inWorld, type SimWorld } from '../support/sim-world.js';

const ttlMs = 6_000;

describe('campaign()', () => {
  it('ELECTION-1, ELECTION-2: one leads at a time, in order of candidacy, with growing terms', () =>
    inWorld(async (world) => {
      const clients = [world.client(), world.client(), world.client()];
      const campaigns = [];
      for (const [i, { conclave }] of clients.entries()) {
        campaigns.push(conclave.election('e').campaign(`host-${i}`));
        await world.settle();
      }
      const terms: bigint[] = [];
      for (const [i, campaign] of campaigns.entries()) {
        const leadership = await world.until(campaign);
        const { conclave } = clients[2] as Client;
        expect(await world.until(conclave.election('e').leader())).toEqual({
          value: `host-${i}`,
          term: leadership.term,
          key: leadership.key,
          leaseId: leadership.leaseId,
        });
        expect((await world.until(conclave.election('e').candidates())).map(({ value }) => value)).toEqual(
          ['host-0', 'host-1', 'host-2'].slice(i),
        );
        terms.push(leadership.term);
        await world.until(leadership.resign());
      }
      expect([...terms].sort((a, b) => Number(a - b))).toEqual(terms);
      expect(new Set(terms).size).toBe(3);
      expect(await world.until((clients[0] as Client).conclave.election('e').leader())).toBeNull();
    }));

  it('ELECTION-1: an election and a lock of one name never share a line', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      await world.until(conclave.lock('x'));
      const leadership = await world.until(conclave.election('x').campaign('v', { timeoutMs: 1_000 }));
      expect(leadership.held).toBe(true);
    }));

  it('ELECTION-1: a leader cut off knows it before the next one leads', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const leadership = await world.until(a.conclave.election('e').campaign('a'));
      const next = b.conclave.election('e').campaign('b');
      await world.advance(1_000);
      a.store.partition();
      let lostAtMs: number | undefined;
      leadership.signal.addEventListener('abort', () => {
        lostAtMs = world.sim.nowMs;
      });
      await world.until(next);
      expect(lostAtMs).toBeLessThan(world.sim.nowMs);
      expect(leadership.held).toBe(false);
    }));

  it('ELECTION-3: an abort leaves nothing and rejects with the reason itself', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      await world.until(a.conclave.election('e').campaign('a'));
      const controller = new AbortController();
      const campaign = errorOf(b.conclave.election('e').campaign('b', { signal: controller.signal }));
      await world.advance(100);
      controller.abort('no longer');
      expect(await world.until(campaign)).toBe('no longer');
      expect((await world.until(a.conclave.election('e').candidates())).map(({ value }) => value)).toEqual(['a']);
    }));

  it('ELECTION-3: a candidate whose key is gone is never told that it leads', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const first = await world.until(a.conclave.election('e').campaign('a'));
      const campaign = errorOf(b.conclave.election('e').campaign('b'));
      await world.advance(100);
      const [, candidate] = await world.until(a.conclave.election('e').candidates());
      b.store.partition();
      await world.truth.txn({ success: [remove(candidate?.key ?? '')] });
      await world.until(first.resign());
      b.store.heal();
      expect(await world.until(campaign)).toMatchObject({ code: 'LOST', loss: 'key-deleted' });
    }));

  it('ELECTION-3: a value that is no text is refused, and leaves nothing', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const election = conclave.election('e');
      const refused = { code: 'INVALID_ARGUMENT', message: expect.stringContaining('got undefined') };
      expect(await world.until(errorOf(election.campaign(undefined as never)))).toMatchObject(refused);
      expect(await world.until(errorOf(election.run(undefined as never, () => {})))).toMatchObject(refused);
      const leadership = await world.until(election.campaign('v'));
      expect(await world.until(errorOf(leadership.proclaim(undefined as never)))).toMatchObject(refused);
      await world.until(leadership.resign());
      expect(await world.until(election.candidates())).toEqual([]);
    }));

  it('ELECTION-3: the name is checked', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      expect(() => conclave.election('')).toThrow(expect.objectContaining({ code: 'INVALID_NAME' }));
    }));

  const scenario = async (world: SimWorld, { conclave }: Client) => {
    const other = world.client({ ttlMs: 60_000 });
    const first = await world.until(other.conclave.election('e').campaign('other'));
    const campaign = conclave.election('e').campaign('mine');
    await world.advance(500);
    await world.until(first.resign());
    const leadership = await world.until(campaign);
    await world.until(leadership.proclaim('mine, warm'));
    expect((await world.until(other.conclave.election('e').leader()))?.value).toBe('mine, warm');
    await world.until(leadership.proclaim('mine, hot'));
    await world.advance(500);
    expect((await world.until(conclave.election('e').leader()))?.value).toBe('mine, hot');
    await world.until(leadership.resign());
    expect(await world.until(other.conclave.election('e').leader())).toBeNull();
  };

  it.each(['loseRequest', 'loseReply'] as const)(
    'ELECTION-10: a campaign, two proclamations and a resignation end the same when any one call suffers %s',
    async (fault) => {
      let k = 0;
      // Bounded by the calls of the scenario: past the last one the fault finds nothing to hit.
      for (let hit = true; hit && k < 100; k++) {
        await inWorld(async (world) => {
          const client = world.client({ ttlMs: 60_000 });
          client.store[fault](anyCall, k);
          const asking = scenario(world, client).catch((error: unknown) => {
            // Only the plain read is the caller's own to repeat.
            expect(error).toMatchObject({ code: 'UNAVAILABLE' });
            expect(client.store.log.at(-1)?.name).toBe('range');
          });
          await asking;
          hit = client.store.pendingFaults === 0;
        });
      }
      expect(k).toBeGreaterThan(5);
    },
  );

  it.each([10, 3_000, 30_000])(
    'ELECTION-10: and when any one txn is applied %s ms after it was given up',
    async (afterMs) => {
      let k = 0;
      // Bounded as above.
      for (let hit = true; hit && k < 100; k++) {
        await inWorld(async (world) => {
          const client = world.client({ ttlMs: 60_000 });
          client.store.applyLate('txn', afterMs, k);
          await scenario(world, client);
          hit = client.store.pendingFaults === 0;
          await world.advance(60_000);
          expect(await world.keys()).toEqual([]);
        });
      }
      expect(k).toBeGreaterThan(3);
    },
  );
});

describe('proclaim()', () => {
  it('ELECTION-4: changes the value, not the term', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const leadership = await world.until(conclave.election('e').campaign('a'));
      await world.until(leadership.proclaim('b'));
      expect(await world.until(conclave.election('e').leader())).toMatchObject({ value: 'b', term: leadership.term });
      expect(leadership.held).toBe(true);
      await world.until(leadership.resign());
    }));

  it('ELECTION-4: rejects with RELEASED after resign(), LOST or SESSION_LOST after a loss, and writes nothing', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const election = conclave.election('e');
      const resigned = await world.until(election.campaign('a'));
      await world.until(resigned.resign());
      expect(await world.until(errorOf(resigned.proclaim('x')))).toMatchObject({ code: 'RELEASED' });
      const deleted = await world.until(election.campaign('b'));
      await world.truth.txn({ success: [remove(deleted.key)] });
      // Nobody has told it yet: the guard does.
      expect(deleted.held).toBe(true);
      expect(await world.until(errorOf(deleted.proclaim('x')))).toMatchObject({ code: 'LOST', loss: 'key-deleted' });
      const revoked = await world.until(election.campaign('c'));
      await world.truth.leaseRevoke({ id: revoked.leaseId });
      await world.until(conclave.session.verify());
      expect(await world.until(errorOf(revoked.proclaim('x')))).toMatchObject({ code: 'SESSION_LOST', loss: 'server' });
      expect(await world.keys()).toEqual([]);
    }));

  it('ELECTION-4: a proclamation that was lost and comes late does not undo a later one', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs: 60_000 });
      const leadership = await world.until(conclave.election('e').campaign('a'));
      store.applyLate('txn', 5_000);
      await world.until(leadership.proclaim('first'));
      await world.until(leadership.proclaim('second'));
      await world.advance(10_000);
      expect(store.inFlight).toBe(0);
      expect((await world.until(conclave.election('e').leader()))?.value).toBe('second');
    }));

  it('ELECTION-4: nor one that the transport sends twice', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs: 60_000 });
      const leadership = await world.until(conclave.election('e').campaign('a'));
      store.duplicate('txn', 5_000);
      await world.until(leadership.proclaim('first'));
      await world.until(leadership.proclaim('second'));
      await world.advance(10_000);
      expect((await world.until(conclave.election('e').leader()))?.value).toBe('second');
    }));

  it('ELECTION-4: the last of several at once stands, and observers see them in order', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs: 60_000 });
      const leadership = await world.until(conclave.election('e').campaign('a'));
      store.loseReply('txn');
      store.loseRequest('txn', 2);
      await world.until(Promise.all(['1', '2', '3'].map((value) => leadership.proclaim(value))));
      expect((await world.until(conclave.election('e').leader()))?.value).toBe('3');
    }));

  it('ELECTION-12: campaigning is one round trip when nobody leads, proclaiming and resigning one each', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      await world.until(conclave.session.open());
      const leadership = await world.until(conclave.election('e').campaign('a'));
      await world.until(leadership.proclaim('b'));
      await world.until(leadership.proclaim('c'));
      await world.until(leadership.resign());
      expect(store.counts).toMatchObject({ txn: 4, range: 0, watch: 0 });
    }));
});
