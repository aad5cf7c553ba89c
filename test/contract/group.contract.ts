import { describe, expect, it } from 'vitest';
import type { GroupView } from '../../src/group/group-view.js';
import type { Share } from '../../src/group/share.js';
import type { Backend } from '../support/backends.js';
import { errorOf } from '../support/sim-world.js';
import { recipes } from './recipe-fixture.js';

const items = ['a', 'b/c', 'd', 'e', 'f', 'g'];

/** Resolves when the members are exactly `ids`, the oldest first. */
async function shows(view: GroupView, ...ids: string[]): Promise<void> {
  const changes = view.changes();
  await view.ready();
  const fits = () => view.members.map(({ id }) => id).join() === ids.join();
  while (!fits()) await changes.next();
  await changes.return();
}

/** Resolves when everybody has what is theirs, as far as `share` can see, and that is so many for it. */
function has(share: Share, count: number): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!share.settled || share.held.length !== count) return;
      share.events.off('settled', look);
      resolve();
    };
    share.events.on('settled', look);
    look();
  });
}

function names(...shares: readonly Share[]): string {
  return shares
    .flatMap(({ held }) => held.map(({ name }) => name))
    .sort()
    .join();
}

/** What groups and partitions promise, whatever they stand on. */
export function groupContract(backend: Backend): void {
  describe('a group', () => {
    const open = recipes(backend);

    it('GROUP-1, GROUP-2, GROUP-5: members are seen, change and go', async () => {
      const { process, places } = await open();
      const [a, b] = [await process(), await process()];
      const crew = b.group('crew').watch();
      const one = await a.group('crew').join({ id: 'one', data: { rack: 7 } });
      await b.group('crew').join({ id: 'a-late-one' });
      await shows(crew, 'one', 'a-late-one');
      expect(crew.members[0]).toMatchObject({ data: { rack: 7 }, leaseId: a.session.leaseId });
      const next = crew.changes().next();
      await one.update({ rack: 8 });
      expect((await next).value).toMatchObject({ changed: [{ after: { data: { rack: 8 } } }], resync: false });
      await one.leave();
      await shows(crew, 'a-late-one');
      crew.close();
      await b.close();
      await places('groups/', 0);
    });

    it('GROUP-3, GROUP-4: one id, one member, which comes back after its lease was revoked', async () => {
      const { opened, process } = await open();
      const [a, b] = [await process(), await process()];
      const one = await a.group('crew').join({ id: 'one' });
      expect(await errorOf(b.group('crew').join({ id: 'one' }))).toMatchObject({ code: 'CONFLICT' });
      const back = new Promise<void>((resolve) => {
        one.events.on('status', (status) => status === 'joined' && resolve());
      });
      await opened.store.leaseRevoke({ id: a.session.leaseId });
      await back;
      const crew = b.group('crew').watch();
      await shows(crew, 'one');
      crew.close();
    });
  });

  describe('a partition', () => {
    const open = recipes(backend);

    it('PARTITION-1, PARTITION-2, PARTITION-4: members share all items, one each at a time', async () => {
      const { process, places } = await open();
      const [a, b] = [await process(), await process()];
      const at = new Set<string>();
      const twice: string[] = [];
      const join = (conclave: typeof a) =>
        conclave.partition('jobs', { items }).join({ settleMs: 50 }, async ({ name, signal }) => {
          if (at.has(name)) twice.push(name);
          at.add(name);
          if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
          await conclave.get('elsewhere');
          at.delete(name);
        });
      const one = await join(a);
      await has(one, 6);
      const two = await join(b);
      await Promise.all([has(one, 3), has(two, 3)]);
      expect(names(one, two)).toBe(items.join());
      const { items: shown } = await b.partition('jobs', { items }).inspect();
      expect(shown.map(({ item, member }) => `${item} ${member}`)).toEqual(
        items.map((item) => `${item} ${names(one).split(',').includes(item) ? one.id : two.id}`),
      );
      await one.leave();
      await has(two, 6);
      expect(twice).toEqual([]);
      await two.leave();
      await places('partitions/', 0);
    });

    it('PARTITION-3: who loses its lease loses its items, and gets its share again, with higher fences', async () => {
      const { opened, process } = await open();
      const [a, b] = [await process(), await process()];
      const [one, two] = [a, b].map((each) => each.partition('jobs', { ring: 4 }).join({ settleMs: 50 }));
      const [first, second] = [await (one as Promise<Share>), await (two as Promise<Share>)];
      await Promise.all([has(first, 2), has(second, 2)]);
      const before = first.held.map(({ fence }) => fence);
      const guards = first.held.map((held) => held.guard());
      const released: (string | undefined)[] = [];
      first.events.on('released', (_, error) => released.push(error?.code));
      const lost = new Promise<void>((resolve) => first.events.once('released', () => resolve()));
      await opened.store.leaseRevoke({ id: a.session.leaseId });
      await lost;
      await Promise.all([has(first, 2), has(second, 2)]);
      expect(released.every((code) => code === 'LOST' || code === 'SESSION_LOST')).toBe(true);
      expect(names(first, second)).toBe('0,1,2,3');
      const highest = before.sort((x, y) => Number(x - y)).at(-1) ?? 0n;
      expect(first.held.every(({ fence }) => fence > highest)).toBe(true);
      for (const guard of guards) expect((await opened.store.txn({ compare: [guard] })).succeeded).toBe(false);
    });
  });
}
