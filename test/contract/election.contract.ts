import { describe, expect, it } from 'vitest';
import type { Conclave } from '../../src/conclave.js';
import { AsyncQueue } from '../../src/core/async-queue.js';
import type { Leader } from '../../src/election/leader.js';
import type { Backend } from '../support/backends.js';
import { errorOf } from '../support/sim-world.js';
import { aborted, recipes } from './recipe-fixture.js';

/** What an observer is told, one at a time. */
function observing(conclave: Conclave, name: string) {
  const controller = new AbortController();
  const queue = new AsyncQueue<Leader | null>(1_000);
  const run = async () => {
    for await (const leader of conclave.election(name).observe({ signal: controller.signal })) queue.push(leader);
  };
  const ended = errorOf(run());
  const told = queue.read();
  return {
    next: async () => (await told.next()).value as Leader | null,
    stop: () => {
      controller.abort('enough');
      return ended;
    },
  };
}

/** What an election promises, whatever it stands on. */
export function electionContract(backend: Backend): void {
  describe('an election', () => {
    const open = recipes(backend);

    it('ELECTION-1, ELECTION-2: candidates lead one after the other, with growing terms', async () => {
      const { process, places } = await open();
      const processes = [await process(), await process(), await process()];
      const watcher = (processes[0] as Conclave).election('e');
      expect(await watcher.leader()).toBeNull();
      const campaigns = [];
      for (const [i, conclave] of processes.entries()) {
        campaigns.push(conclave.election('e').campaign(`host-${i}`));
        await places('elections/e/', i + 1);
      }
      let term = 0n;
      for (const [i, campaign] of campaigns.entries()) {
        const leadership = await campaign;
        expect(leadership.term).toBeGreaterThan(term);
        term = leadership.term;
        expect(await watcher.leader()).toMatchObject({ value: `host-${i}`, term, key: leadership.key });
        expect((await watcher.candidates()).map(({ value }) => value)).toEqual(['host-0', 'host-1', 'host-2'].slice(i));
        await leadership.resign();
      }
      expect(await watcher.leader()).toBeNull();
    });

    it('ELECTION-4: a leader changes its value, one that has resigned or lost does not', async () => {
      const { opened, process } = await open();
      const conclave = await process({ ttlMs: 60_000 });
      const election = conclave.election('e');
      const first = await election.campaign('a');
      await first.proclaim('b');
      expect(await election.leader()).toMatchObject({ value: 'b', term: first.term });
      await first.resign();
      expect(await errorOf(first.proclaim('c'))).toMatchObject({ code: 'RELEASED' });
      const second = await election.campaign('d');
      await opened.store.leaseRevoke({ id: second.leaseId });
      expect(await errorOf(second.proclaim('e'))).toMatchObject({ code: expect.stringMatching(/^(SESSION_)?LOST$/) });
      expect(await election.leader()).toBeNull();
    });

    it('ELECTION-8: observers see nobody, each leader, each value, and nobody again, in order', async () => {
      const { process, places } = await open();
      const [a, b, c] = [await process(), await process(), await process()];
      const { next, stop } = observing(c, 'e');
      expect(await next()).toBeNull();
      const first = await a.election('e').campaign('same');
      expect(await next()).toMatchObject({ value: 'same', term: first.term });
      await first.proclaim('warm');
      expect(await next()).toMatchObject({ value: 'warm', term: first.term });
      const campaign = b.election('e').campaign('warm');
      await places('elections/e/', 2);
      await first.resign();
      const second = await campaign;
      expect(await next()).toMatchObject({ value: 'warm', term: second.term });
      await second.resign();
      expect(await next()).toBeNull();
      expect(await stop()).toBe('enough');
    });

    it('ELECTION-3: an abort leaves no candidate', async () => {
      const { process, places } = await open();
      const [a, b] = [await process(), await process()];
      await a.election('e').campaign('a');
      const controller = new AbortController();
      const campaign = errorOf(b.election('e').campaign('b', { signal: controller.signal }));
      await places('elections/e/', 2);
      controller.abort('enough');
      expect(await campaign).toBe('enough');
      expect((await a.election('e').candidates()).map(({ value }) => value)).toEqual(['a']);
    });

    it('ELECTION-5, ELECTION-6: run() leads, loses, leads again on a fresh lease, and lets go when told', async () => {
      const { opened, process, places } = await open();
      const conclave = await process({ ttlMs: 60_000 });
      const controller = new AbortController();
      const terms: bigint[] = [];
      const work = async (leadership: { term: bigint; leaseId: bigint; signal: AbortSignal }) => {
        terms.push(leadership.term);
        if (terms.length === 3) controller.abort('enough');
        else await opened.store.leaseRevoke({ id: leadership.leaseId });
        await aborted(leadership.signal);
      };
      const running = conclave.election('e').run('a', work, { signal: controller.signal });
      expect(await errorOf(running)).toBe('enough');
      expect(terms).toHaveLength(3);
      expect([...terms].sort((a, b) => (a < b ? -1 : 1))).toEqual(terms);
      await places('elections/', 0);
    });

    it('ELECTION-13: a leader hands over to whom it names, past those between; nobody else is seen', async () => {
      const { process, places } = await open();
      const [a, b, c, d] = [await process(), await process(), await process(), await process()];
      const leader = await a.election('e').campaign('a');
      const { next, stop } = observing(d, 'e');
      expect(await next()).toMatchObject({ value: 'a' });
      const second = b.election('e').campaign('b');
      await places('elections/e/', 2);
      const third = c.election('e').campaign('c');
      await places('elections/e/', 3);
      expect(await errorOf(leader.handOver('nobody'))).toMatchObject({ code: 'NOT_FOUND' });
      expect(leader.held).toBe(true);
      await leader.handOver('c');
      const successor = await third;
      expect(await next()).toMatchObject({ value: 'c', term: successor.term });
      expect((await d.election('e').candidates()).map(({ value }) => value)).toEqual(['c', 'b']);
      await successor.resign();
      expect(await next()).toMatchObject({ value: 'b', term: (await second).term });
      await stop();
    });

    it('ELECTION-15: whoever has a rank and comes to the front hands over to a better one that waits', async () => {
      const { process, places } = await open();
      const processes = [await process(), await process(), await process(), await process()];
      const [first, ...others] = processes as [Conclave, ...Conclave[]];
      const leader = await first.election('e').campaign('first');
      const ranks = [{ priority: 1 }, { priority: 1, zone: 'b' }, { priority: 0, zone: 'a', preferZone: 'a' }];
      const campaigns = [];
      for (const [i, rank] of ranks.entries()) {
        campaigns.push(others[i]?.election('e').campaign(`${i}`, rank));
        await places('elections/e/', i + 2);
      }
      await leader.resign();
      const best = await campaigns[2];
      expect(await first.election('e').leader()).toMatchObject({ value: '2', zone: 'a', preferred: true });
      await best?.resign();
      const order = await Promise.race(campaigns.slice(0, 2).map(async (each, i) => ({ i, won: await each })));
      await order.won?.resign();
      await (await campaigns[1 - order.i])?.resign();
      await places('elections/e/', 0);
    });

    it('ELECTION-18: a leadership goes on in another process, in the same term; the former one is told', async () => {
      const { process } = await open();
      const [a, b, late] = [await process({ ttlMs: 60_000 }), await process(), await process()];
      const former = await a.election('e').campaign('a');
      await former.proclaim('a, warm');
      const saved = { key: former.key, term: `${former.term}`, leaseId: `${former.leaseId}` };
      const leadership = await b.election('e').resume(saved);
      expect(leadership).toMatchObject({ term: former.term, held: true, leaseId: b.session.leaseId });
      expect(await aborted(former.signal)).toMatchObject({ code: 'LOST', loss: 'taken-over' });
      expect(await late.election('e').resume(saved)).toBeNull();
      await a.close();
      await leadership?.proclaim('b');
      expect(await b.election('e').leader()).toMatchObject({ value: 'b', term: former.term });
      await leadership?.resign();
      expect(await b.election('e').resume(saved)).toBeNull();
    });

    it('ELECTION-9: leader, candidate and observer go on after the store came back', async () => {
      const { opened, process, places } = await open({ exclusive: true });
      const [a, b, c] = [await process({ ttlMs: 30_000 }), await process({ ttlMs: 30_000 }), await process()];
      const first = await a.election('e').campaign('a');
      const campaign = b.election('e').campaign('b');
      await places('elections/e/', 2);
      const { next, stop } = observing(c, 'e');
      expect(await next()).toMatchObject({ value: 'a' });
      await opened.interrupt();
      await first.proclaim('a, again');
      expect(await next()).toMatchObject({ value: 'a, again', term: first.term });
      await first.resign();
      expect((await campaign).term).toBeGreaterThan(first.term);
      expect(await next()).toMatchObject({ value: 'b' });
      await stop();
    });
  });
}
