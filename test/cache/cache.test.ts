import { describe, expect, it } from 'vitest';
import type { Cache } from '../../src/cache/cache.js';
import type { CacheChange } from '../../src/cache/cache-change.js';
import { utf8 } from '../../src/core/bytes.js';
import type { StandardSchema } from '../../src/core/standard-schema.js';
import { put, remove } from '../../src/store/ops.js';
import { removeAll } from '../config/support/config-world.js';
import { errorOf, inWorld, type SimWorld } from '../support/sim-world.js';
import { nextUncaught } from '../support/uncaught.js';

/** Past all faults, in one txn; resolves to its revision. */
async function write(world: SimWorld, values: Readonly<Record<string, string | null>>): Promise<bigint> {
  const success = Object.entries(values).map(([key, value]) => (value === null ? remove(key) : put(key, value)));
  return (await world.truth.txn({ success })).header.revision;
}

function shown(cache: Cache<string>): Record<string, string> {
  return Object.fromEntries(cache.view.entries.map(({ key, value }) => [key, value]));
}

function keysOf({ keys }: CacheChange<string>): string[] {
  return keys.map(({ key, before, after }) => `${key} ${before?.value ?? '-'}>${after?.value ?? '-'}`);
}

/** What a cache tells, until it ends. */
function heard(cache: Cache<string>): CacheChange<string>[] {
  const changes: CacheChange<string>[] = [];
  cache.events.on('change', (change) => changes.push(change));
  return changes;
}

const text = { decode: 'text' } as const;

describe('a cache', () => {
  it('CACHE-1: shows whole revisions, each view as of the revision that it names', () =>
    inWorld(async (world) => {
      await write(world, { 'a/1': 'x', 'a/2': 'y', b: 'elsewhere' });
      const { conclave } = world.client();
      const cache = conclave.cache('a/', text);
      const changes = heard(cache);
      const first = await world.until(cache.read());
      expect([cache.revision, shown(cache)]).toEqual([first.revision, { 'a/1': 'x', 'a/2': 'y' }]);
      const revision = await write(world, { 'a/1': 'z', 'a/2': null, 'a/3': 'new' });
      await world.settle();
      expect([cache.revision, shown(cache)]).toEqual([revision, { 'a/1': 'z', 'a/3': 'new' }]);
      expect(cache.get('a/1')).toMatchObject({
        key: 'a/1',
        value: 'z',
        modRevision: revision,
        version: 2n,
        leaseId: 0n,
      });
      expect([cache.get('a/2'), cache.get(utf8('a/3'))?.value]).toEqual([undefined, 'new']);
      // A view stays as it is.
      expect(first.entries.map(({ key, value }) => key + value)).toEqual(['a/1x', 'a/2y']);
      expect(first.get('a/2')?.value).toBe('y');
      expect(changes.map(keysOf)).toEqual([
        ['a/1 ->x', 'a/2 ->y'],
        ['a/1 x>z', 'a/2 y>-', 'a/3 ->new'],
      ]);
      cache.close();
      await removeAll(world);
    }));

  it.each([
    ['asks how far its watch is', true],
    ['asks what has changed, where progress overtakes events', false],
  ])('CACHE-2: a consistent read has what was done before it: it %s', (_, ordersProgress) =>
    inWorld(async (world) => {
      await write(world, { 'a/1': '0', 'a/2': 'stays' });
      const { conclave, store } = world.client();
      store.ordersProgress = ordersProgress;
      const cache = conclave.cache('a/', text);
      await world.until(cache.ready());
      store.watchLagMs = 300;
      for (let i = 1; i <= 20; i++) {
        const revision = await write(world, { 'a/1': `${i}`, [`a/${i % 5}x`]: i % 3 === 0 ? null : `${i}` });
        await write(world, { elsewhere: `${i}` });
        expect((await world.until(cache.read())).get('a/1')?.value).not.toBe(`${i}`);
        const view = await world.until(cache.read({ consistent: true }));
        expect([view.get('a/1')?.value, view.revision >= revision]).toEqual([`${i}`, true]);
      }
      expect(store.counts).toMatchObject({ watch: 1, progress: ordersProgress ? expect.any(Number) : 0 });
      cache.close();
      await removeAll(world);
    }),
  );

  it('CACHE-2: what comes and goes while a read is answered is not shown after it', () =>
    inWorld(async (world) => {
      await write(world, { 'a/1': 'x' });
      const { conclave, store } = world.client();
      store.ordersProgress = false;
      const cache = conclave.cache('a/', text);
      const changes = heard(cache);
      await world.until(cache.ready());
      store.watchLagMs = 500;
      await write(world, { 'a/2': 'brief' });
      const gone = await write(world, { 'a/2': null });
      const view = await world.until(cache.read({ consistent: true }));
      expect(view.revision).toBe(gone);
      await world.advance(1_000);
      expect([shown(cache), cache.revision, changes.length]).toEqual([{ 'a/1': 'x' }, gone, 1]);
      const last = await write(world, { 'a/2': 'again' });
      await world.advance(1_000);
      expect([shown(cache), cache.revision]).toEqual([{ 'a/1': 'x', 'a/2': 'again' }, last]);
      cache.close();
      await removeAll(world);
    }));

  it('CACHE-2: maxStaleMs reads only when nobody has for so long; minRevision reads nothing', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const cache = conclave.cache('a/', text);
      await world.until(cache.ready());
      const { range } = store.counts;
      await world.advance(400);
      await world.until(cache.read({ maxStaleMs: 500 }));
      expect(store.counts.range).toBe(range);
      store.watchLagMs = 50;
      await write(world, { 'a/1': 'x' });
      await world.advance(40);
      expect((await world.until(cache.read({ maxStaleMs: 500 }))).get('a/1')).toBeUndefined();
      expect((await world.until(cache.read({ maxStaleMs: 30 }))).get('a/1')?.value).toBe('x');
      expect(store.counts.range).toBe(range + 1);
      const { header } = await world.until(conclave.put('a/1', 'y'));
      const view = await world.until(cache.read({ minRevision: header.revision }));
      expect([view.get('a/1')?.value, store.counts.range]).toEqual(['y', range + 1]);
      const late = errorOf(cache.read({ minRevision: header.revision + 100n, timeoutMs: 5_000 }));
      await world.advance(20_000);
      expect(await late).toMatchObject({ code: 'TIMEOUT' });
      const { total } = store;
      await world.advance(4_000);
      expect(store.total).toBe(total);
      cache.close();
      await removeAll(world);
    }));

  it('CACHE-2: the time for which the machine slept counts', () =>
    inWorld(async (world) => {
      const { conclave, store, runtime } = world.client();
      const cache = conclave.cache('a/', text);
      await world.until(cache.ready());
      const { range } = store.counts;
      runtime.suspend(6_000);
      await world.until(cache.read({ maxStaleMs: 7_000 }));
      expect(store.counts.range).toBe(range);
      await world.until(cache.read({ maxStaleMs: 5_000 }));
      expect(store.counts.range).toBe(range + 1);
      cache.close();
    }));

  it('CACHE-2: a DELETE that was lost is found out by a consistent read, with either server', async () => {
    for (const ordersProgress of [true, false]) {
      await inWorld(async (world) => {
        await write(world, { 'a/1': 'x', 'a/2': 'y' });
        const { conclave, store } = world.client();
        store.ordersProgress = ordersProgress;
        const cache = conclave.cache('a/', text);
        await world.until(cache.ready());
        store.dropDeletes = true;
        await write(world, { 'a/1': null });
        await world.settle();
        expect(cache.get('a/1')?.value).toBe('x');
        // Progress says that all was told, and the store's count every 5 s that it was not.
        if (ordersProgress) await world.advance(15_000);
        const view = await world.until(cache.read({ consistent: true }));
        expect(view.get('a/1')).toBeUndefined();
        cache.close();
        await removeAll(world);
      });
    }
  });

  it('CACHE-3: a reader that is slow, and one after a compaction, get the differences as one change', () =>
    inWorld(async (world) => {
      await write(world, { 'a/1': 'first', 'a/2': 'goes' });
      const { conclave, store } = world.client();
      const cache = conclave.cache('a/', text);
      await world.until(cache.ready());
      const reader = cache.changes();
      for (let i = 0; i < 1_500; i++)
        await write(world, { 'a/1': `${i}`, [`a/brief${i % 3}`]: i % 2 === 0 ? 'x' : null });
      await write(world, { 'a/2': null });
      await world.settle();
      const before: Record<string, string | undefined> = { 'a/1': 'first', 'a/2': 'goes' };
      let resyncs = 0;
      for (let revision = 0n; revision < cache.revision; ) {
        const { value: change } = await world.until(reader.next());
        if (change === undefined) throw new Error('the changes have ended');
        for (const each of change.keys) {
          expect(each.before?.value).toBe(before[each.key]);
          before[each.key] = each.after?.value;
        }
        if (change.resync) resyncs += 1;
        revision = change.revision;
      }
      expect(Object.fromEntries(Object.entries(before).filter(([, value]) => value !== undefined))).toEqual(
        shown(cache),
      );
      expect(resyncs).toBe(1);
      const next = reader.next();
      store.partition();
      await write(world, { 'a/1': 'lost' });
      const last = await write(world, { 'a/1': 'kept' });
      await world.truth.compact({ revision: last });
      store.endWatches();
      store.heal();
      const { value: change } = await world.until(next);
      expect([change?.revision, change?.resync, change && keysOf(change)]).toEqual([last, true, ['a/1 1499>kept']]);
      cache.close();
      expect(await errorOf(reader.next())).toMatchObject({ code: 'CLOSED' });
      await removeAll(world);
    }));

  it('CACHE-4: one read and one watch for all caches of a prefix; consistent reads that meet share theirs', () =>
    inWorld(async (world) => {
      await write(world, { 'a/1': 'x' });
      const { conclave, store } = world.client();
      const caches = Array.from({ length: 10 }, () => conclave.cache('a/', text));
      await world.until(Promise.all(caches.map((each) => each.ready())));
      expect(store.counts).toMatchObject({ range: 1, watch: 1, txn: 0, progress: 0 });
      await world.until(caches[0]?.read({ consistent: true }) as Promise<unknown>);
      expect(store.counts).toMatchObject({ range: 2, progress: 0 });
      await write(world, { b: 'elsewhere' });
      await world.until(Promise.all(caches.flatMap((each) => [1, 2, 3].map(() => each.read({ consistent: true })))));
      expect(store.counts).toMatchObject({ range: 3, watch: 1, progress: 1 });
      for (const each of caches.slice(1)) each.close();
      await write(world, { 'a/1': 'y' });
      await world.settle();
      expect(caches[0]?.get('a/1')?.value).toBe('y');
      caches[0]?.close();
      expect(store.openWatches).toBe(0);
      await removeAll(world);
    }));

  it('CACHE-5: what cannot be read is not shown, and harms nothing else', () =>
    inWorld(async (world) => {
      const schema: StandardSchema<{ n: number }> = {
        '~standard': {
          version: 1,
          vendor: 'test',
          validate: (value) =>
            typeof (value as { n?: unknown }).n === 'number'
              ? { value: value as { n: number } }
              : { issues: [{ message: 'no number', path: ['n'] }] },
        },
      };
      await write(world, { 'a/1': '{"n":1}', 'a/2': '{"n":"one"}', 'a/3': '{' });
      const { conclave } = world.client();
      const cache = conclave.cache('a/', { schema });
      const invalid: string[] = [];
      cache.events.on('invalid', (key, reason) => invalid.push(`${key} ${reason}`));
      await world.until(cache.ready());
      expect(cache.view.entries.map(({ value }) => value)).toEqual([{ n: 1 }]);
      expect(Object.isFrozen(cache.get('a/1')?.value)).toBe(true);
      expect([...cache.problems.keys()]).toEqual(['a/2', 'a/3']);
      expect(invalid).toEqual(['a/2 n: no number', expect.stringMatching(/^a\/3 .*JSON/)]);
      await write(world, { 'a/1': '7', 'a/2': '{"n":2}', 'a/3': null });
      await world.settle();
      expect(cache.view.entries.map(({ key }) => key)).toEqual(['a/2']);
      expect([...cache.problems.keys()]).toEqual(['a/1']);
      const raw = conclave.cache('a/');
      await world.until(raw.ready());
      raw.get('a/1')?.value.fill(0);
      expect(cache.get('a/2')?.value).toEqual({ n: 2 });
      const promises = conclave.cache('a/', {
        schema: { '~standard': { ...schema['~standard'], validate: async () => ({ value: { n: 1 } }) } },
      });
      await world.until(promises.ready());
      expect([...promises.problems.values()][0]).toContain('promise');
      for (const each of [cache, raw, promises]) each.close();
      await removeAll(world);
    }));

  it('CACHE-6: shows nothing before the first state, and nothing after its end', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const cache = conclave.cache('a/');
      expect(() => cache.get('a/1')).toThrow(expect.objectContaining({ code: 'FAILED_PRECONDITION' }));
      expect([cache.stale, cache.revision]).toEqual([true, 0n]);
      await world.until(cache.ready());
      expect([cache.stale, cache.view.entries]).toEqual([false, []]);
      const ended: string[] = [];
      cache.events.on('end', ({ code }) => ended.push(code));
      store.partition();
      const waiting = errorOf(cache.read({ consistent: true }));
      await world.advance(100);
      cache.close();
      cache.close();
      expect(await waiting).toMatchObject({ code: 'CLOSED' });
      expect(() => cache.view).toThrow(expect.objectContaining({ code: 'CLOSED' }));
      expect(await errorOf(cache.read())).toMatchObject({ code: 'CLOSED' });
      expect([cache.stale, ended]).toEqual([true, ['CLOSED']]);
      const stop = new AbortController();
      const other = conclave.cache('b/', { signal: stop.signal });
      stop.abort(new Error('enough'));
      expect(await errorOf(other.ready())).toMatchObject({ message: 'enough' });
      const gaveUp = new AbortController();
      const third = conclave.cache('c/');
      const given = errorOf(third.read({ signal: gaveUp.signal }));
      gaveUp.abort('gave up');
      expect(await given).toBe('gave up');
      third.close();
    }));

  it('CACHE-7: says when the store was not heard for long', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const cache = conclave.cache('a/', { staleAfterMs: 8_000 });
      const told: boolean[] = [];
      cache.events.on('stale', (stale) => told.push(stale));
      await world.until(cache.ready());
      await world.advance(60_000);
      expect(told).toEqual([]);
      store.partition();
      await world.advance(14_000);
      expect([cache.stale, told]).toEqual([true, [true]]);
      expect(await world.until(errorOf(cache.read({ maxStaleMs: 1_000, timeoutMs: 500 })))).toMatchObject({
        code: 'TIMEOUT',
      });
      store.heal();
      await world.advance(10_000);
      expect([cache.stale, told]).toEqual([false, [true, false]]);
      cache.close();
    }));

  it.each([
    ['and the server can be asked', true],
    ['and it cannot', false],
  ])('CACHE-8: goes on after outages and compaction, and consistent reads with it, %s', (_, ordersProgress) =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      store.ordersProgress = ordersProgress;
      const cache = conclave.cache('a/', text);
      const changes = heard(cache);
      await world.until(cache.ready());
      for (let i = 0; i < 6; i++) {
        store.partition();
        await write(world, { 'a/1': `${i}`, [`a/${i}x`]: 'brief' });
        const last = await write(world, { 'a/2': `${i}`, [`a/${i}x`]: null });
        if (i % 2 === 0) {
          await world.truth.compact({ revision: last });
          store.endWatches();
        }
        const reading = cache.read({ consistent: true });
        await world.advance(3_000);
        store.heal();
        expect((await world.until(reading)).revision).toBeGreaterThanOrEqual(last);
        expect(shown(cache)).toEqual({ 'a/1': `${i}`, 'a/2': `${i}` });
      }
      const revisions = changes.map(({ revision }) => revision);
      expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => Number(a - b)));
      cache.close();
      await removeAll(world);
    }),
  );

  it('CACHE-8: a listener that throws stops nothing', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const cache = conclave.cache('a/', text);
      const uncaught = nextUncaught();
      cache.events.on('change', () => {
        throw new Error('mine');
      });
      await world.until(cache.ready());
      await write(world, { 'a/1': 'x' });
      await world.settle();
      expect(await uncaught).toMatchObject({ message: 'mine' });
      cache.events.removeAllListeners();
      await write(world, { 'a/1': 'y' });
      await world.settle();
      expect(cache.get('a/1')?.value).toBe('y');
      cache.close();
      await removeAll(world);
    }));

  it.each([
    ['staleAfterMs', { staleAfterMs: -1 }, {}],
    ['staleAfterMs', { staleAfterMs: Number.NaN }, {}],
    ['decode', { decode: 'xml' }, {}],
    ['maxStaleMs', {}, { maxStaleMs: -1 }],
    ['minRevision', {}, { minRevision: 7 }],
    ['minRevision', {}, { minRevision: -7n }],
    ['minRevision', {}, { minRevision: 2n ** 63n }],
    ['timeoutMs', {}, { timeoutMs: -1 }],
    ['schema', { schema: {} }, {}],
    ['schema', { schema: null }, {}],
  ])('CACHE-9: bad input: %s', (name, options, read) =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const failure = await world.until(
        errorOf((async () => conclave.cache('a/', options as object).read(read as object))()),
      );
      expect(failure).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(name) });
    }),
  );

  it.each([7, undefined, null, {}])('CACHE-9: a prefix that is no text: %s', (prefix) =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      expect(() => conclave.cache(prefix as unknown as string)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      );
    }),
  );
});
