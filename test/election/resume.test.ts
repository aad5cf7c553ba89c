import { describe, expect, it } from 'vitest';
import type { Leadership } from '../../src/election/leadership.js';
import { type Client, errorOf, inWorld, type SimWorld } from '../support/sim-world.js';
import { stand, standing, untilStopped, watchLeaders } from './support.js';

const ttlMs = 6_000;

/** A leader whose process ends without a word; what it has kept. */
async function gone(world: SimWorld) {
  const client = world.client({ ttlMs });
  const { campaign } = await stand(world, client, 'a');
  const leadership = await world.until(campaign);
  await world.until(leadership.proclaim('a'));
  client.conclave.session.orphan();
  const { key, term, leaseId } = leadership;
  // As JSON has it.
  return { client, saved: { key, term: `${term}`, leaseId: `${leaseId}` }, term };
}

function resume(world: SimWorld, { conclave }: Client, saved: Awaited<ReturnType<typeof gone>>['saved']) {
  return world.until(conclave.election('e').resume(saved));
}

describe('resume()', () => {
  it('ELECTION-18: within the TTL the same leadership goes on, in the same term, and outlives the old lease', () =>
    inWorld(async (world) => {
      const { saved, term } = await gone(world);
      const { campaign: next } = await stand(world, world.client({ ttlMs }), 'b');
      const watcher = watchLeaders(world, world.client({ ttlMs }));
      await world.advance(3_000);
      const again = world.client({ ttlMs });
      const leadership = await resume(world, again, saved);
      if (leadership === null) throw new Error('gone');
      expect(leadership).toMatchObject({ key: saved.key, term, held: true, leaseId: again.conclave.session.leaseId });
      await world.advance(60_000);
      expect(leadership.held).toBe(true);
      await world.until(leadership.proclaim('a, again'));
      expect(await standing(world)).toEqual(['a, again', 'b']);
      expect((await world.truth.txn({ compare: [leadership.guard()], success: [] })).succeeded).toBe(true);
      await world.until(leadership.resign());
      await world.until((await world.until(next)).resign());
      await watcher.stop();
      expect(watcher.values()).toEqual(['a', 'a, again', 'b', null]);
    }));

  it('ELECTION-18: null when it is gone, or another has resumed it; then a campaign is what is left', () =>
    inWorld(async (world) => {
      const { saved } = await gone(world);
      const [b, c] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const both = [b, c].map(({ conclave }) => conclave.election('e').resume(saved));
      const won = await world.until(Promise.all(both));
      expect(won.filter((each) => each === null)).toHaveLength(1);
      const leadership = won.find((each) => each !== null) as Leadership;
      expect(await resume(world, world.client({ ttlMs }), saved)).toBeNull();
      expect(leadership.held).toBe(true);
      await world.until(leadership.resign());
      expect(await resume(world, world.client({ ttlMs }), saved)).toBeNull();
      const late = await gone(world);
      await world.advance(20_000);
      expect(await resume(world, world.client({ ttlMs }), late.saved)).toBeNull();
      expect(await standing(world)).toEqual([]);
    }));

  it('ELECTION-18: a former holder that lives is told LOST, and cannot take the place away any more', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const { campaign } = await stand(world, a, 'a');
      const former = await world.until(campaign);
      await world.advance(1_000);
      await world.until(former.proclaim('a, warm'));
      const again = await world.until(b.conclave.election('e').resume(former));
      await world.settle();
      expect(former.held).toBe(false);
      expect(former.signal.reason).toMatchObject({ code: 'LOST', loss: 'taken-over' });
      expect(former.loss).toBe('taken-over');
      await world.until(former.resign());
      expect(await world.until(errorOf(former.proclaim('no')))).toMatchObject({ code: 'LOST' });
      await world.until(a.conclave.session.close());
      expect(await standing(world)).toEqual(['a, warm']);
      expect(again?.held).toBe(true);
    }));

  it('ELECTION-18: the former holder is told even if its watch was compacted meanwhile', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const { campaign } = await stand(world, a, 'a');
      const former = await world.until(campaign);
      await world.advance(1_000);
      a.store.watchLagMs = 500;
      await world.until(b.conclave.election('e').resume(former));
      a.store.endWatches();
      await world.advance(1_000);
      expect(former.loss).toBe('taken-over');
    }));

  it('ELECTION-18: what is no leadership of this election is refused, and a candidate too', () =>
    inWorld(async (world) => {
      const { client, saved } = await gone(world);
      const again = world.client({ ttlMs });
      const other = again.conclave.election('other');
      for (const bad of [
        { ...saved, key: 'elsewhere' },
        { ...saved, key: 'elections/e/' },
        { ...saved, term: 'x' },
        { ...saved, leaseId: -1 as unknown as string },
        undefined as unknown as typeof saved,
      ]) {
        const error = await world.until(errorOf(again.conclave.election('e').resume(bad)));
        expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' });
      }
      expect(await world.until(errorOf(other.resume(saved)))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(again.store.counts.txn).toBe(0);
      await stand(world, again, 'b');
      const [, waiting] = await world.until(again.conclave.election('e').candidates());
      if (waiting === undefined) throw new Error('nobody waits');
      const error = await world.until(errorOf(world.client({ ttlMs }).conclave.election('e').resume(waiting)));
      expect(error).toMatchObject({ code: 'FAILED_PRECONDITION' });
      await world.advance(20_000);
      expect(client.conclave.session.alive).toBe(false);
      expect(await standing(world)).toEqual([]);
    }));

  it('ELECTION-18: with the same lease, taken over by a session of its own, it is the same', () =>
    inWorld(async (world) => {
      const { saved, term } = await gone(world);
      const again = world.client({ ttlMs });
      const session = await world.until(again.conclave.newSession({ leaseId: BigInt(saved.leaseId) }));
      const leadership = await world.until(again.conclave.election('e').resume(saved, { session }));
      await world.advance(60_000);
      expect(leadership).toMatchObject({ held: true, term, leaseId: BigInt(saved.leaseId) });
      await world.until(session.close());
      expect(leadership?.held).toBe(false);
      expect(await standing(world)).toEqual([]);
    }));

  it('ELECTION-18: run() takes it up first, and campaigns from then on', () =>
    inWorld(async (world) => {
      const { saved, term } = await gone(world);
      const again = world.client({ ttlMs });
      const aborts = new AbortController();
      const terms: bigint[] = [];
      const work = async (leadership: Leadership) => {
        terms.push(leadership.term);
        await untilStopped(leadership);
      };
      again.store.partition();
      const options = { resume: saved, signal: aborts.signal };
      const ended = errorOf(again.conclave.election('e').run('a', work, options));
      await world.advance(2_000);
      again.store.heal();
      await world.advance(5_000);
      expect(terms).toEqual([term]);
      await world.truth.leaseRevoke({ id: again.conclave.session.leaseId });
      await world.advance(3_000);
      expect(terms).toHaveLength(2);
      expect(terms[1]).toBeGreaterThan(term);
      aborts.abort('enough');
      expect(await world.until(ended)).toBe('enough');
    }));

  it.each(['request', 'reply', 'late', 'twice'] as const)(
    'ELECTION-18, ELECTION-10: the %s of it is lost or late',
    (fault) =>
      inWorld(async (world) => {
        const { saved, term } = await gone(world);
        const again = world.client({ ttlMs: 20_000 });
        await world.until(again.conclave.session.open());
        if (fault === 'request') again.store.loseRequest('txn');
        else if (fault === 'reply') again.store.loseReply('txn');
        else if (fault === 'late') again.store.applyLate('txn', 2_000);
        else again.store.duplicate('txn', 2_000);
        const leadership = await resume(world, again, saved);
        await world.advance(10_000);
        expect(leadership).toMatchObject({ term, held: true });
        await world.until(leadership?.proclaim('a, again') ?? Promise.resolve());
        expect(await standing(world)).toEqual(['a, again']);
      }),
  );

  it('ELECTION-18, ELECTION-3: one that is given up leaves nothing, though it is applied after that', () =>
    inWorld(async (world) => {
      const { saved } = await gone(world);
      const again = world.client({ ttlMs });
      await world.until(again.conclave.session.open());
      again.store.applyLate('txn', 2_000);
      const aborts = new AbortController();
      const error = errorOf(again.conclave.election('e').resume(saved, { signal: aborts.signal }));
      await world.settle();
      aborts.abort('enough');
      expect(await world.until(error)).toBe('enough');
      await world.advance(11 * ttlMs);
      expect(again.store.inFlight).toBe(0);
      expect(await standing(world)).toEqual([]);
      expect(again.conclave.session.alive).toBe(true);
    }));

  it('ELECTION-18: on a lease that is gone it says so, and leaves the leadership where it was', () =>
    inWorld(async (world) => {
      const { saved } = await gone(world);
      const again = world.client({ ttlMs });
      await world.until(again.conclave.session.open());
      await world.truth.leaseRevoke({ id: again.conclave.session.leaseId });
      const error = await world.until(errorOf(again.conclave.election('e').resume(saved)));
      expect(error).toMatchObject({ code: 'SESSION_LOST', loss: 'server' });
      expect(await standing(world)).toEqual(['a']);
      const leadership = await resume(world, again, saved);
      expect(leadership?.held).toBe(true);
      await world.expire(1);
    }));
});
