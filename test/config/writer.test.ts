import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TxnRequest } from '../../src/store/messages.js';
import { keptVersions } from '../../src/versions/history.js';
import type { CallName } from '../support/faulty-store.js';
import { errorOf, inWorld } from '../support/sim-world.js';
import { collect, configOf, putRaw, removeAll } from './support/config-world.js';

const schema = z.object({ min: z.number(), max: z.number() }).refine(({ min, max }) => min <= max, 'min above max');

describe('a writer', () => {
  it('CONFIG-11: set, setAll and delete are one txn each, with author and reason kept', () =>
    inWorld(async (world) => {
      const client = world.client({ label: 'ada' });
      const config = configOf(client);
      const watched = await world.until(config.watch({ prefix: 'app' }));
      const told = collect(watched);
      const first = await world.until(config.setAll({ 'app/a': 1, 'app/b': { c: [2] } }, { reason: 'first' }));
      await world.until(config.set('b', 3, { prefix: 'app', author: 'bob' }));
      await world.until(config.delete('app/a'));
      await world.settle();
      expect(told.map(({ current }) => current)).toEqual([{ a: 1, b: { c: [2] } }, { a: 1, b: 3 }, { b: 3 }]);
      expect(first).toMatchObject({ revision: told[0]?.revision, dryRun: false });
      expect(first.changes).toEqual([
        { key: 'app/a', type: 'added', oldValue: undefined, newValue: 1 },
        { key: 'app/b', type: 'added', oldValue: undefined, newValue: { c: [2] } },
      ]);
      const history = await world.until(watched.history());
      expect(history.map(({ key, value, author, reason }) => [key, value, author, reason])).toEqual([
        ['app/a', undefined, 'ada', undefined],
        ['app/b', 3, 'bob', undefined],
        ['app/a', 1, 'ada', 'first'],
        ['app/b', { c: [2] }, 'ada', 'first'],
      ]);
      expect(await world.until(config.history({ key: 'app/b' }, { limit: 1 }))).toHaveLength(1);
      // Two requests per write: what is there, and the txn.
      expect(client.store.counts.txn).toBe(8);
      await watched.close();
      await removeAll(world);
    }));

  it('CONFIG-12: compareAndSet names both revisions when somebody was there first', () =>
    inWorld(async (world) => {
      const config = configOf(world.client());
      const { revision } = await world.until(config.compareAndSet('a', 1, { expectRevision: 0n }));
      expect((await world.until(config.get('a')))?.revision).toBe(revision);
      const second = await world.until(config.compareAndSet('a', 2, { expectRevision: revision }));
      const error = await world.until(errorOf(config.compareAndSet('a', 3, { expectRevision: revision })));
      expect(error).toMatchObject({
        code: 'CONFLICT',
        conflict: { key: 'a', expected: revision, actual: second.revision },
      });
      expect((error as Error).message).toBe(`"a" is at revision ${second.revision}, not at ${revision} as expected`);
      await removeAll(world);
    }));

  it('CONFIG-12: a write that was to be guarded and says no revision is refused, as is one that says no value', () =>
    inWorld(async (world) => {
      const client = world.client();
      const config = configOf(client);
      const [none, number] = [undefined, { expectRevision: 1 }] as unknown as [never, never];
      for (const wrong of [
        ...[none, {} as never, number].map((options) => () => config.compareAndSet('a', 1, options)),
        ...[() => config.set('a', none), () => config.setAll(none), () => config.rollout('a', none)],
        ...[() => config.diff({ key: 'a' }, none), () => config.rollback({ key: 'a' }, none), () => config.watch(none)],
      ]) {
        expect(await errorOf(wrong())).toMatchObject({ code: 'INVALID_ARGUMENT' });
      }
      expect(client.store.total).toBe(0);
    }));

  it('CONFIG-12: of writers that collide all are written, one after the other, each in the history', () =>
    inWorld(async (world) => {
      const writers = Array.from({ length: 5 }, () => configOf(world.client()));
      await world.until(Promise.all(writers.map((each, i) => each.set('a', i))));
      const history = await world.until((writers[0] as (typeof writers)[0]).history({ key: 'a' }));
      expect(history.map(({ value }) => value).sort()).toEqual([0, 1, 2, 3, 4]);
      await removeAll(world);
    }));

  it.each(['loseRequest', 'loseReply'] as const)('CONFIG-12: %s: written once', (fault) =>
    inWorld(async (world) => {
      for (let i = 0; i < 2; i++) {
        const client = world.client();
        client.store[fault]('txn', i);
        await world.until(configOf(client).set(`k${i}`, 1));
        const { version } = (await world.keys(`config/k${i}`))[0] ?? {};
        expect(version).toBe(1n);
        expect(await world.until(configOf(client).history({ key: `k${i}` }))).toHaveLength(1);
      }
      await removeAll(world);
    }),
  );

  it('CONFIG-13: what the schema refuses is not written; two values that do not go together neither', () =>
    inWorld(async (world) => {
      const [a, b] = [configOf(world.client()), configOf(world.client())];
      const options = { prefix: 'app', schema } as const;
      await world.until(a.setAll({ min: 1, max: 9 }, options));
      const refused = await world.until(errorOf(a.set('max', 0, options)));
      expect(refused).toMatchObject({ code: 'INVALID_VALUE', message: expect.stringContaining('min above max') });
      const race = [a.set('min', 8, options), b.set('max', 2, options)].map((each) =>
        each.then(
          () => 'ok',
          () => 'no',
        ),
      );
      expect((await world.until(Promise.all(race))).sort()).toEqual(['no', 'ok']);
      const values = await world.keys('config/app/');
      const [max, min] = [...values].sort((x, y) => Buffer.compare(x.key, y.key)).map(({ value }) => Number(value));
      expect(min).toBeLessThanOrEqual(max as number);
      for (const [value, code] of [
        [1n, 'INVALID_ARGUMENT'],
        [() => 1, 'INVALID_ARGUMENT'],
        [JSON.parse('{"__proto__":1}'), 'INVALID_VALUE'],
        [{ $rollout: { percent: 101, value: 1 }, value: 2 }, 'INVALID_VALUE'],
      ] as const) {
        expect(await world.until(errorOf(a.set('x', value)))).toMatchObject({ code });
      }
      expect(await world.until(a.get('x'))).toBeNull();
      await removeAll(world);
    }));

  it('CONFIG-14: a dry run says what would change and writes nothing', () =>
    inWorld(async (world) => {
      const config = configOf(world.client());
      const { revision } = await world.until(config.set('a', 1));
      const dry = await world.until(config.setAll({ a: 2, b: undefined }, { dryRun: true }));
      expect(dry).toEqual({
        revision,
        dryRun: true,
        changes: [{ key: 'a', type: 'modified', oldValue: 1, newValue: 2 }],
      });
      expect((await world.until(config.get('a')))?.value).toBe(1);
      const wrong = config.set('max', 'x', { prefix: 'app', schema, dryRun: true });
      expect(await world.until(errorOf(wrong))).toMatchObject({ code: 'INVALID_VALUE' });
      await removeAll(world);
    }));

  it('CONFIG-15: rollback writes again what was there, as a new revision, also behind a compaction', () =>
    inWorld(async (world) => {
      const config = configOf(world.client());
      const first = await world.until(config.setAll({ 'app/a': 1, 'app/b': 1 }));
      await world.until(config.setAll({ 'app/a': 2, 'app/b': undefined, 'app/c': 2 }));
      const last = await world.until(config.set('app/a', 3));
      expect(await world.until(config.diff({ prefix: 'app' }, { from: first.revision, to: last.revision }))).toEqual([
        { key: 'app/a', type: 'modified', oldValue: 1, newValue: 3 },
        { key: 'app/b', type: 'deleted', oldValue: 1, newValue: undefined },
        { key: 'app/c', type: 'added', oldValue: undefined, newValue: 2 },
      ]);
      await world.truth.compact({ revision: last.revision });
      const what = { prefix: 'app' } as const;
      const dry = await world.until(config.rollback(what, { toRevision: first.revision, dryRun: true }));
      expect(dry.changes.map(({ key, newValue }) => [key, newValue])).toEqual([
        ['app/a', 1],
        ['app/c', undefined],
        ['app/b', 1],
      ]);
      const back = await world.until(config.rollback(what, { toRevision: first.revision }));
      expect(back.revision).toBeGreaterThan(last.revision);
      const watched = await world.until(config.watch(what));
      expect(watched.value).toEqual({ a: 1, b: 1 });
      expect((await world.until(watched.history()))[0]?.reason).toBe(`rollback to revision ${first.revision}`);
      await watched.close();
      await removeAll(world);
    }));

  it('CONFIG-15: what was written past us is in the history; what nobody can know is not guessed', () =>
    inWorld(async (world) => {
      const config = configOf(world.client());
      const { revision: first } = await world.until(config.set('a', 1));
      const between = await putRaw(world, { 'config/a': '2' });
      const foreign = await putRaw(world, { 'config/a': '3' });
      expect((await world.until(config.history({ key: 'a' })))[0]).toMatchObject({ revision: foreign, foreign: true });
      const { revision: last } = await world.until(config.set('a', 4));
      const history = await world.until(config.history({ key: 'a' }));
      expect(history.map(({ revision, value, foreign }) => [revision, value, foreign])).toEqual([
        [last, 4, false],
        [foreign, 3, true],
        [first, 1, false],
      ]);
      const back = await world.until(config.diff({ key: 'a' }, { from: between, to: last }));
      expect(back[0]?.oldValue).toBe(2);
      await world.truth.compact({ revision: last });
      for (const [from, value] of [
        [first, 1],
        [foreign, 3],
      ] as const) {
        expect((await world.until(config.diff({ key: 'a' }, { from })))[0]?.oldValue).toBe(value);
      }
      const unknown = config.diff({ key: 'a' }, { from: between });
      expect(await world.until(errorOf(unknown))).toMatchObject({ code: 'COMPACTED' });
      const future = config.rollback({ key: 'a' }, { toRevision: last + 1000n });
      expect(await world.until(errorOf(future))).toMatchObject({ code: 'FUTURE_REVISION' });
      await removeAll(world);
    }));

  it('CONFIG-15: a key that is called as a folder is not below it, nor is its history', () =>
    inWorld(async (world) => {
      const config = configOf(world.client());
      await world.until(config.set('app', 'a key'));
      const { revision } = await world.until(config.setAll({ 'app/a': 1 }));
      await world.until(config.delete('app'));
      const last = await world.until(config.set('app/a', 2));
      expect((await world.until(config.history({ prefix: 'app' }))).map(({ key }) => key)).toEqual(['app/a', 'app/a']);
      await world.truth.compact({ revision: last.revision });
      const { changes } = await world.until(config.rollback({ prefix: 'app' }, { toRevision: revision }));
      expect(changes.map(({ key }) => key)).toEqual(['app/a']);
      await removeAll(world);
    }));

  it('CONFIG-12: what was sent and not answered until the time is up is unknown, not left undone', () =>
    inWorld(async (world) => {
      const client = world.client();
      const config = configOf(client);
      await world.until(config.set('a', 1));
      const writes = (_: CallName, request: unknown) => (request as TxnRequest).compare !== undefined;
      for (let i = 0; i < 20; i++) client.store.loseReply(writes);
      const error = await world.until(errorOf(config.set('a', 2)));
      expect(error).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
      expect((await world.until(configOf(world.client()).get('a')))?.value).toBe(2);
      client.store.partition();
      expect(await world.until(errorOf(config.set('a', 3)))).toMatchObject({ code: 'TIMEOUT', outcome: 'not-applied' });
      client.store.heal();
      await removeAll(world);
    }));

  it('CONFIG-16: the history of a key is bounded', () =>
    inWorld(async (world) => {
      const config = configOf(world.client());
      for (let i = 0; i < keptVersions + 10; i++) await world.until(config.set('a', i));
      await world.until(config.set('a/b', 1));
      const history = await world.until(config.history({ key: 'a' }));
      expect(history).toHaveLength(keptVersions);
      expect(history[0]?.value).toBe(keptVersions + 9);
      expect(await world.keys('config-history/a//')).toHaveLength(keptVersions);
      await removeAll(world);
    }));

  it('CONFIG-16: what etcd would not take twice in one request is kept once, and said to be', () =>
    inWorld(async (world) => {
      const config = configOf(world.client());
      const large = (letter: string) => letter.repeat(1_000_000);
      await putRaw(world, { 'config/a': JSON.stringify(large('f')) });
      const { revision } = await world.until(config.set('a', large('o'), { reason: 'large' }));
      const texts = async () =>
        (await world.until(config.history({ key: 'a' }))).map((each) => [each.reason, each.omitted, each.text?.length]);
      expect(await texts()).toEqual([
        ['large', true, undefined],
        [undefined, true, undefined],
      ]);
      const written = await world.keys('config');
      expect(written.reduce((sum, { value }) => sum + value.length, 0)).toBeLessThan(1_400 * 1024);
      // What still stands there is known, whatever was kept of it.
      await world.truth.compact({ revision });
      expect(await world.until(config.diff({ key: 'a' }, { from: revision }))).toEqual([]);
      const { revision: small } = await world.until(config.set('a', 1));
      expect((await world.until(config.diff({ key: 'a' }, { from: revision, to: small })))[0]?.newValue).toBe(1);
      await world.truth.compact({ revision: small });
      const gone = config.rollback({ key: 'a' }, { toRevision: revision });
      expect(await world.until(errorOf(gone))).toMatchObject({ code: 'COMPACTED' });
      await removeAll(world);
    }));

  it('more keys than a txn takes are refused', () =>
    inWorld(async (world) => {
      const config = configOf(world.client());
      const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, i]));
      expect(await world.until(errorOf(config.setAll(many)))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      await world.until(config.setAll(Object.fromEntries(Object.entries(many).slice(0, 60))));
      await removeAll(world);
    }));
});

describe('a rollout', () => {
  it('CONFIG-17: a rollout of null ends as every other', () =>
    inWorld(async (world) => {
      const config = configOf(world.client());
      await world.until(config.set('limit', 5));
      await world.until(config.rollout('limit', { value: null, percent: 10 }));
      await world.until(config.promote('limit'));
      expect(await world.until(config.get('limit'))).toMatchObject({ value: null });
      await world.until(config.rollout('limit', { value: 7, percent: 10 }));
      await world.until(config.abandon('limit'));
      expect(await world.until(config.get('limit'))).toMatchObject({ value: null });
      expect(await world.until(errorOf(config.promote('limit')))).toMatchObject({ code: 'NOT_FOUND' });
      await removeAll(world);
    }));

  it('CONFIG-17: chosen instances first, then a percentage; widening drops nobody', () =>
    inWorld(async (world) => {
      const config = configOf(world.client());
      await world.until(config.set('limit', 1));
      const ids = Array.from({ length: 200 }, (_, i) => `host-${i}`);
      const watched = await world.until(
        Promise.all(
          ids.map((id) =>
            config.watch({ key: 'limit', instance: { id, labels: { zone: id.endsWith('7') ? 'a' : 'b' } } }),
          ),
        ),
      );
      const seeing = () => new Set(ids.filter((_, i) => watched[i]?.value === 2));
      await world.until(config.rollout('limit', { value: 2, instances: ['host-3'], labels: { zone: 'a' } }));
      await world.settle();
      let before = seeing();
      expect(before.has('host-3')).toBe(true);
      expect(before.size).toBe(21);
      for (const percent of [5, 25, 60, 100]) {
        await world.until(config.rollout('limit', { percent, instances: ['host-3'], labels: { zone: 'a' } }));
        await world.settle();
        const now = seeing();
        expect([...before].every((id) => now.has(id))).toBe(true);
        expect(now.size).toBeGreaterThan(before.size);
        before = now;
      }
      expect(before.size).toBe(200);
      await world.until(config.rollout('limit', { percent: 1 }));
      await world.until(config.abandon('limit'));
      await world.settle();
      expect(seeing().size).toBe(0);
      expect(await world.until(errorOf(config.promote('limit')))).toMatchObject({ code: 'NOT_FOUND' });
      await world.until(config.rollout('limit', { value: 2, percent: 1 }));
      await world.until(config.promote('limit'));
      await world.settle();
      expect(seeing().size).toBe(200);
      for (const each of watched) await each.close();
      await removeAll(world);
    }));

  it('CONFIG-18: who shows which revision can be seen, and goes with its watch', () =>
    inWorld(async (world) => {
      const [writer, a, b] = [world.client(), world.client({ label: 'a' }), world.client({ label: 'b' })];
      const config = configOf(writer);
      const { revision } = await world.until(config.set('limit', 1));
      const schema = z.number();
      const options = { key: 'limit', report: true, schema } as const;
      const one = await world.until(configOf(a).watch(options));
      const two = await world.until(configOf(b).watch({ ...options, instance: { id: 'two', labels: { zone: 'x' } } }));
      await world.advance(100);
      expect(await world.until(config.watchers({ key: 'limit' }))).toMatchObject([
        { id: 'a', revision: one.revision, status: 'live' },
        { id: 'two', revision: two.revision, status: 'live', labels: { zone: 'x' } },
      ]);
      expect(one.revision).toBeGreaterThanOrEqual(revision);
      const { revision: next } = await world.until(config.set('limit', 2));
      await world.advance(100);
      const now = await world.until(config.watchers({ key: 'limit' }));
      expect(now.map((each) => each.revision)).toEqual([next, next]);
      await putRaw(world, { 'config/limit': '"x"' });
      await world.advance(100);
      expect((await world.until(config.watchers({ key: 'limit' }))).map(({ status }) => status)).toEqual([
        'invalid',
        'invalid',
      ]);
      await world.until(one.close());
      expect(await world.until(config.watchers({ key: 'limit' }))).toHaveLength(1);
      await world.until(two.close());
      await removeAll(world);
    }));
});
