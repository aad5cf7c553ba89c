import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import type { LineSummary } from '../../src/inspect/list.js';
import { errorOf, inWorld, type SimWorld } from '../support/sim-world.js';

async function all(world: SimWorld, lines: AsyncIterable<LineSummary>): Promise<LineSummary[]> {
  const found: LineSummary[] = [];
  const reading = async () => {
    for await (const line of lines) found.push(line);
  };
  await world.until(reading());
  return found;
}

/** Names that nest, sort around `/` and share beginnings. */
const name = fc
  .array(fc.constantFrom('a', 'b', 'a-b', 'ab', 'ä', '0', 'f'), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join('/'));

describe('locks.list', () => {
  it('INSPECT-5: tells every lock once with its holder and waiters, whatever the page size', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(name, fc.integer({ min: 0, max: 3 })), { maxLength: 8 }),
        fc.constantFrom('', 'a', 'a/', 'a/b', 'z'),
        fc.integer({ min: 1, max: 5 }),
        (wanted, prefix, pageSize) =>
          inWorld(async (world) => {
            const { conclave } = world.client({ label: 'me' });
            const expected = new Map<string, { fence: bigint; waiters: number }>();
            for (const [each, waiters] of wanted) {
              if (expected.has(each)) continue;
              const held = await world.until(conclave.lock(each));
              for (let i = 0; i < waiters; i++) conclave.lock(each).catch(() => {});
              expected.set(each, { fence: held.fence, waiters });
            }
            await world.settle();
            const found = await all(world, conclave.locks.list(prefix, { pageSize }));
            const shown = found.map(({ name: each, holder, waiters }) => [each, { fence: holder.fence, waiters }]);
            expect(new Set(shown.map(([each]) => each)).size).toBe(shown.length);
            expect(new Map(shown as [string, { fence: bigint; waiters: number }][])).toEqual(
              new Map([...expected].filter(([each]) => each.startsWith(prefix))),
            );
          }),
      ),
      { numRuns: 60 },
    ));

  it('INSPECT-5: reads a page at a time, all at the revision of the first', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      for (let i = 0; i < 10; i++) await world.until(conclave.lock(`x${i}`));
      const lines = conclave.locks.list('', { pageSize: 2 });
      const first = await world.until(lines.next());
      expect(store.counts.range).toBeLessThanOrEqual(2);
      await world.until(conclave.lock('x99'));
      expect([first.value?.name, ...(await all(world, lines)).map((line) => line.name)]).toEqual(
        Array.from({ length: 10 }, (_, i) => `x${i}`),
      );
    }));

  it('INSPECT-5: a compaction under way is told', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      for (let i = 0; i < 4; i++) await world.until(conclave.lock(`x${i}`));
      const lines = conclave.locks.list('', { pageSize: 1 });
      await world.until(lines.next());
      await world.until(conclave.put('y', '1'));
      await world.truth.compact({ revision: world.host.stats().revision });
      expect(await errorOf(world.until(all(world, lines)))).toMatchObject({ code: 'COMPACTED' });
      await world.until(conclave.delete('y'));
    }));

  it('INSPECT-5: a prefix of keys, with foreign places; keys without a lease are none', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const held = await world.until(conclave.lock('/jobs/nightly'));
      await world.truth.txn({
        success: [
          { type: 'put', request: { key: utf8('/jobs/stray'), value: utf8('x') } },
          { type: 'put', request: { key: utf8('/jobs/foreign/12ab'), lease: held.leaseId } },
        ],
      });
      const found = await all(world, conclave.locks.list('/jobs/'));
      expect(found.map(({ name: each, holders, waiters }) => ({ name: each, holders, waiters }))).toEqual([
        { name: '/jobs/foreign', holders: 1, waiters: 0 },
        { name: '/jobs/nightly', holders: 1, waiters: 0 },
      ]);
      expect(found[0]?.holder).toMatchObject({ key: '/jobs/foreign/12ab', leaseId: held.leaseId, ageMs: undefined });
      await world.until(conclave.delete('/jobs/stray'));
    }));
});

describe('inspectLock', () => {
  it('INSPECT-1: tells the life of the holder’s lease and of those that say nothing of themselves', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs: 20_000, label: 'ada' }), world.client({ ttlMs: 30_000, label: 'bob' })];
      const held = await world.until(a.conclave.lock('x'));
      const waiting = b.conclave.lock('x');
      await world.settle();
      await world.truth.leaseGrant({ id: 7n, ttl: 40n });
      await world.truth.txn({ success: [{ type: 'put', request: { key: utf8('locks/x/7'), lease: 7n } }] });
      await world.advance(1_500);
      const { holder, waiters } = await world.until(a.conclave.inspectLock('x'));
      expect(holder).toMatchObject({
        ...{ label: 'ada', fence: held.fence, ageMs: 1_500 },
        lease: { grantedMs: 20_000, remainingMs: 18_000 },
      });
      expect(waiters[0]).toMatchObject({ label: 'bob' });
      expect(waiters[0]?.lease).toBeUndefined();
      expect(waiters[1]).toMatchObject({ leaseId: 7n, lease: { grantedMs: 40_000, remainingMs: 38_000 } });
      expect(waiters[1]?.ageMs).toBeUndefined();
      expect(a.store.counts).toMatchObject({ range: 1, leaseTimeToLive: 2 });
      await world.truth.leaseRevoke({ id: 7n });
      await world.until(held.release());
      await world.until((await world.until(waiting)).release());
    }));

  it('INSPECT-1: a lease that is gone when it is asked for is left out', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      await world.truth.leaseGrant({ id: 7n, ttl: 40n });
      await world.truth.txn({ success: [{ type: 'put', request: { key: utf8('locks/x/7'), lease: 7n } }] });
      store.delay('leaseTimeToLive', { requestMs: 500 });
      const inspecting = conclave.inspectLock('x');
      await world.advance(100);
      await world.truth.leaseRevoke({ id: 7n });
      const { holder } = await world.until(inspecting);
      expect(holder).toMatchObject({ leaseId: 7n });
      expect(holder?.lease).toBeUndefined();
    }));
});
