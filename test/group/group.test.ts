import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import type { GroupView } from '../../src/group/group-view.js';
import { errorOf, inWorld } from '../support/sim-world.js';
import { nextUncaught, uncaughtDuring } from '../support/uncaught.js';

function collect(view: GroupView): string[] {
  const told: string[] = [];
  const loop = async () => {
    for await (const { joined, left, changed, resync } of view.changes()) {
      const each = [
        ...left.map(({ id }) => `-${id}`),
        ...joined.map(({ id }) => `+${id}`),
        ...changed.map(({ after }) => `~${after.id}`),
      ];
      told.push(`${resync ? 'resync ' : ''}${each.join(' ')}`);
    }
  };
  loop().catch((error: { code: string }) => told.push(error.code));
  return told;
}

function ids({ members }: GroupView): string {
  return members.map(({ id }) => id).join(' ');
}

describe('a group', () => {
  it('GROUP-1, GROUP-2: shows its members, the oldest first, and each change', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ label: 'a' }), world.client()];
      const one = await world.until(a.conclave.group('crew').join({ id: 'one', data: { rack: 7 } }));
      await world.until(b.conclave.group('crew/night').join({ id: 'other' }));
      const crew = b.conclave.group('crew').watch();
      await world.until(crew.ready());
      expect(crew.members).toMatchObject([
        { id: 'one', data: { rack: 7 }, label: 'a', leaseId: a.conclave.session.leaseId },
      ]);
      const told = collect(crew);
      const two = await world.until(b.conclave.group('crew').join({ id: 'atwo' }));
      await world.until(two.update({ ready: true }));
      await world.settle();
      expect(ids(crew)).toBe('one atwo');
      await world.until(one.leave());
      await world.settle();
      expect(told).toEqual(['+atwo', '~atwo', '-one']);
      expect(one).toMatchObject({ status: 'ended', signal: { reason: { code: 'RELEASED' } } });
      await one.leave();
      expect(await errorOf(one.update(1))).toMatchObject({ code: 'RELEASED' });
      crew.close();
      await world.settle();
      expect(told.at(-1)).toBe('CLOSED');
    }));

  it('GROUP-3: a member comes back after a lost lease, an outage and a delete by hand', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const one = await world.until(a.conclave.group('crew').join({ id: 'one' }));
      const statuses: string[] = [];
      one.events.on('status', (status) => statuses.push(status));
      const crew = b.conclave.group('crew').watch();
      await world.until(crew.ready());
      await world.truth.leaseRevoke({ id: a.conclave.session.leaseId });
      await world.advance(10_000);
      expect(ids(crew)).toBe('one');
      a.store.partition();
      await world.advance(60_000);
      expect([ids(crew), one.status]).toEqual(['', 'recovering']);
      a.store.heal();
      await world.advance(20_000);
      expect([ids(crew), one.status]).toEqual(['one', 'joined']);
      await world.truth.txn({ success: [{ type: 'deleteRange', request: { key: utf8('groups/crew/one') } }] });
      await world.advance(1_000);
      expect(ids(crew)).toBe('one');
      expect(statuses.slice(-2)).toEqual(['recovering', 'joined']);
      crew.close();
    }));

  it('GROUP-3: whatever a listener throws, the member comes back', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const member = await world.until(conclave.group('crew').join({ id: 'a' }));
      member.events.on('status', (status) => {
        throw new Error(status);
      });
      for (const status of ['recovering', 'joined']) {
        const uncaught = nextUncaught();
        if (status === 'recovering') store.partition();
        else store.heal();
        await world.advance(20_000);
        expect(await uncaught).toMatchObject({ message: status });
        expect(member.status).toBe(status);
      }
      member.events.removeAllListeners();
      await world.until(member.leave());
    }));

  it('GROUP-4: one id, one member; a take-over is one that leaves and one that joins', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const one = await world.until(a.conclave.group('crew').join({ id: 'one' }));
      const crew = b.conclave.group('crew').watch();
      await world.until(crew.ready());
      const told = collect(crew);
      expect(await world.until(errorOf(b.conclave.group('crew').join({ id: 'one' })))).toMatchObject({
        code: 'CONFLICT',
      });
      await world.until(b.conclave.group('crew').join({ id: 'one', takeOver: true }));
      await world.settle();
      expect(told).toEqual(['-one +one']);
      expect(one.signal.reason).toMatchObject({ code: 'CONFLICT' });
      crew.close();
    }));

  it('GROUP-5: whatever fails leaves nothing', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const crew = conclave.group('crew');
      for (const id of ['', 'a/b', 'x'.repeat(300)]) {
        expect(await errorOf(crew.join({ id }))).toMatchObject({ code: 'INVALID_NAME' });
      }
      expect(await errorOf(crew.join({ data: 'x'.repeat(2 ** 20) }))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      for (const name of ['', 'a/', '\ud800']) {
        expect(() => conclave.group(name)).toThrow(expect.objectContaining({ code: 'INVALID_NAME' }));
      }
      expect(store.log).toEqual([]);
      await world.until(conclave.session.open());
      store.applyLate('txn', 7_000);
      const gone = new AbortController();
      const joining = errorOf(crew.join({ id: 'late', signal: gone.signal }));
      gone.abort('no');
      expect(await joining).toBe('no');
      await world.advance(120_000);
      expect(await world.keys('groups/')).toEqual([]);
    }));

  it('GROUP-3: a member comes back though whoever listens throws', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const one = await world.until(conclave.group('crew').join({ id: 'one' }));
      one.events.on('status', (status) => {
        throw new Error(status);
      });
      const uncaught = await uncaughtDuring(async () => {
        await world.truth.leaseRevoke({ id: conclave.session.leaseId });
        await world.advance(10_000);
      });
      expect(uncaught).toMatchObject([{ message: 'recovering' }, { message: 'joined' }]);
      expect(await world.keys('groups/crew/')).toMatchObject([{ lease: conclave.session.leaseId }]);
      one.events.removeAllListeners();
    }));

  it('GROUP-2: one range and one watch for all who look in a process', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const many = Array.from({ length: 20 }, () => conclave.group('crew').watch());
      for (const each of many) await world.until(each.ready());
      expect(store.counts).toMatchObject({ range: 1, watch: 1 });
      for (const each of many) each.close();
      expect(store.openWatches).toBe(0);
    }));
});
