import { type as arktype } from 'arktype';
import * as v from 'valibot';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import type { ConfigProblem } from '../../src/config/change.js';
import { deferred } from '../../src/core/deferred.js';
import { ConclaveError } from '../../src/core/errors.js';
import type { StandardSchema } from '../../src/core/standard-schema.js';
import { errorOf, inWorld } from '../support/sim-world.js';
import { collect, configOf, MemoryFiles, putRaw, removeAll } from './support/config-world.js';

const limits = z.object({ rateLimit: z.number().int().positive(), db: z.object({ host: z.string() }) });
const valid = { 'config/app/rateLimit': '5', 'config/app/db/host': '"a"' };

describe('a watched config', () => {
  it('CONFIG-1: shows all keys below a prefix as one object of one revision, frozen all through', () =>
    inWorld(async (world) => {
      const revision = await putRaw(world, valid);
      const config = await world.until(configOf(world.client()).watch({ prefix: 'app', schema: limits }));
      expectTypeOf(config.value.db.host).toEqualTypeOf<string>();
      expect(config.value).toEqual({ rateLimit: 5, db: { host: 'a' } });
      expect(config).toMatchObject({ revision, status: 'live', problem: undefined });
      expect(Object.isFrozen(config.value) && Object.isFrozen(config.value.db)).toBe(true);
      const before = config.value;
      const told = collect(config);
      const next = await putRaw(world, { 'config/app/rateLimit': '6', 'config/app/db/host': '"b"' });
      await world.settle();
      expect(before).toEqual({ rateLimit: 5, db: { host: 'a' } });
      expect(config.value).toEqual({ rateLimit: 6, db: { host: 'b' } });
      expect(told).toEqual([
        {
          revision: next,
          previous: before,
          current: config.value,
          cause: 'watch',
          resync: false,
          changes: [
            { key: 'rateLimit', type: 'modified', oldValue: 5, newValue: 6 },
            { key: 'db/host', type: 'modified', oldValue: 'a', newValue: 'b' },
          ],
        },
      ]);
      await config.close();
      await removeAll(world);
    }));

  it('CONFIG-1: follows one key, through its delete and its return', () =>
    inWorld(async (world) => {
      const config = await world.until(configOf(world.client()).watch({ key: 'banner', decode: 'text' }));
      expect(config.value).toBeUndefined();
      const told = collect(config);
      for (const value of ['hello', null, 'again']) await putRaw(world, { 'config/banner': value });
      await world.settle();
      expect(told.map(({ current, changes }) => [current, changes[0]?.type, changes[0]?.key])).toEqual([
        ['hello', 'added', 'banner'],
        [undefined, 'deleted', 'banner'],
        ['again', 'added', 'banner'],
      ]);
      await config.close();
      await removeAll(world);
    }));

  it('CONFIG-2: an invalid value keeps the last good one and says which key and why; a valid one clears it', () =>
    inWorld(async (world) => {
      await putRaw(world, valid);
      const problems: ConfigProblem[] = [];
      const config = await world.until(
        configOf(world.client()).watch({ prefix: 'app', schema: limits, onInvalid: (each) => problems.push(each) }),
      );
      const told = collect(config);
      const revision = await putRaw(world, { 'config/app/rateLimit': '-1' });
      await world.settle();
      expect(config).toMatchObject({ value: { rateLimit: 5 }, status: 'invalid' });
      expect(config.problem).toMatchObject({ revision, issues: [{ path: 'rateLimit' }] });
      await putRaw(world, { 'config/app/rateLimit': 'not json' });
      await world.settle();
      expect(problems.map(({ issues }) => issues[0]?.path)).toEqual(['rateLimit', 'rateLimit']);
      expect(told).toEqual([]);
      await putRaw(world, { 'config/app/rateLimit': '7' });
      await world.settle();
      expect(config).toMatchObject({ value: { rateLimit: 7 }, status: 'live', problem: undefined });
      expect(told[0]?.changes).toEqual([{ key: 'rateLimit', type: 'modified', oldValue: 5, newValue: 7 }]);
      await config.close();
      await removeAll(world);
    }));

  it('CONFIG-2: at the start it rejects ready(), and shows the first valid one', () =>
    inWorld(async (world) => {
      await putRaw(world, { 'config/app/rateLimit': '"many"' });
      const config = await world.until(configOf(world.client()).watch({ prefix: 'app', schema: limits }));
      expect(await errorOf(config.ready())).toMatchObject({ code: 'INVALID_VALUE' });
      expect(() => config.value).toThrow(/rateLimit/);
      expect(config.status).toBe('invalid');
      await putRaw(world, valid);
      await world.settle();
      await config.ready();
      expect(config.value).toEqual({ rateLimit: 5, db: { host: 'a' } });
      await config.close();
      await removeAll(world);
    }));

  it('CONFIG-2: unless there is a fallback', () =>
    inWorld(async (world) => {
      await putRaw(world, { 'config/app/rateLimit': '"many"' });
      const fallback = { rateLimit: 1, db: { host: 'none' } };
      const config = await world.until(configOf(world.client()).watch({ prefix: 'app', schema: limits, fallback }));
      await config.ready();
      expect(config).toMatchObject({ value: fallback, status: 'invalid', revision: 0n });
      expect(Object.isFrozen(fallback)).toBe(false);
      await putRaw(world, valid);
      await world.settle();
      expect(config).toMatchObject({ value: { rateLimit: 5 }, status: 'live' });
      await config.close();
      await removeAll(world);
    }));

  it('CONFIG-2: says so, too, when the snapshot is shown while the store’s first state is refused', () =>
    inWorld(async (world) => {
      await putRaw(world, valid);
      const files = new MemoryFiles();
      const options = { prefix: 'app', schema: limits, snapshotFile: 'snapshot.json' } as const;
      await (await world.until(configOf(world.client(), files).watch(options))).close();
      await putRaw(world, { 'config/app/rateLimit': '-1' });
      const read = deferred();
      const slow = { read: (path: string) => read.promise.then(() => files.read(path)), replace: async () => {} };
      const client = world.client();
      client.store.partition();
      const problems: ConfigProblem[] = [];
      const onInvalid = (each: ConfigProblem) => problems.push(each);
      const watching = configOf(client, slow).watch({ ...options, onInvalid });
      await world.advance(3_000);
      client.store.heal();
      await world.advance(10_000);
      expect(problems).toEqual([]);
      read.resolve();
      const config = await world.until(watching);
      expect(config).toMatchObject({ value: { rateLimit: 5 }, status: 'invalid' });
      expect(problems).toMatchObject([{ issues: [{ path: 'rateLimit' }] }]);
      await config.close();
      await removeAll(world);
    }));

  it('CONFIG-3: what a compaction swallowed comes as one change, marked, with the difference of each key', () =>
    inWorld(async (world) => {
      await putRaw(world, { ...valid, 'config/app/old': '1' });
      const client = world.client();
      const config = await world.until(configOf(client).watch({ prefix: 'app' }));
      const told = collect(config);
      client.store.partition();
      client.store.endWatches();
      await putRaw(world, { 'config/app/rateLimit': '6', 'config/app/old': null });
      const revision = await putRaw(world, { 'config/app/rateLimit': '7', 'config/app/new': '2' });
      await world.truth.compact({ revision });
      client.store.heal();
      await world.advance(30_000);
      expect(told).toMatchObject([
        {
          revision,
          resync: true,
          cause: 'resync',
          current: { rateLimit: 7, new: 2, db: { host: 'a' } },
          changes: expect.arrayContaining([
            { key: 'rateLimit', type: 'modified', oldValue: 5, newValue: 7 },
            { key: 'old', type: 'deleted', oldValue: 1, newValue: undefined },
            { key: 'new', type: 'added', oldValue: undefined, newValue: 2 },
          ]),
        },
      ]);
      expect(config.value).toEqual({ rateLimit: 7, new: 2, db: { host: 'a' } });
      await config.close();
      await removeAll(world);
    }));

  it('CONFIG-4: is stale while the store is silent, and live again', () =>
    inWorld(async (world) => {
      await putRaw(world, valid);
      const client = world.client();
      const config = await world.until(configOf(client).watch({ prefix: 'app' }));
      const told: string[] = [];
      config.events.on('status', (status) => told.push(status));
      client.store.partition();
      await world.advance(30_000);
      expect(config).toMatchObject({ status: 'stale', value: { rateLimit: 5 } });
      expect(config.staleMs).toBeGreaterThan(15_000);
      client.store.heal();
      await world.advance(10_000);
      expect(config.status).toBe('live');
      expect(told).toEqual(['stale', 'live']);
      await config.close();
      await removeAll(world);
    }));

  it('CONFIG-5: one read and one watch, however many look at a prefix; a change decodes what it changes', () =>
    inWorld(async (world) => {
      await putRaw(world, Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`config/app/k${i}`, `${i}`])));
      const client = world.client();
      const config = configOf(client);
      let decoded = 0;
      const decode = (bytes: Uint8Array) => {
        decoded += 1;
        return JSON.parse(Buffer.from(bytes).toString()) as unknown;
      };
      const first = await world.until(config.watch({ prefix: 'app', decode }));
      const rest = await world.until(Promise.all(Array.from({ length: 50 }, () => config.watch({ prefix: 'app' }))));
      expect(client.store.counts).toMatchObject({ range: 1, watch: 1 });
      expect(decoded).toBe(100);
      await putRaw(world, { 'config/app/k7': '70' });
      await world.settle();
      expect(decoded).toBe(101);
      expect([first, ...rest].every(({ value }) => (value as { k7: number }).k7 === 70)).toBe(true);
      for (const each of [first, ...rest]) await each.close();
      expect(client.store.openWatches).toBe(0);
      await removeAll(world);
    }));

  it('CONFIG-6: select tells of the part alone, changes() of everything', () =>
    inWorld(async (world) => {
      await putRaw(world, valid);
      const config = await world.until(configOf(world.client()).watch({ prefix: 'app', schema: limits }));
      const hosts: unknown[] = [];
      const stop = config.select(
        ({ db }) => db,
        (now, before) => hosts.push([before?.host, now.host]),
      );
      const changes = config.changes();
      const first = changes.next();
      await putRaw(world, { 'config/app/rateLimit': '6' });
      await putRaw(world, { 'config/app/db/host': '"b"' });
      await world.settle();
      expect((await first).value).toMatchObject({ current: { rateLimit: 6 } });
      expect((await changes.next()).value).toMatchObject({ current: { db: { host: 'b' } } });
      expect(hosts).toEqual([['a', 'b']]);
      stop();
      await putRaw(world, { 'config/app/db/host': '"c"' });
      await world.settle();
      expect(hosts).toHaveLength(1);
      const aborts = new AbortController();
      const last = config.changes({ signal: aborts.signal }).next();
      aborts.abort(new Error('enough'));
      expect(await errorOf(last)).toMatchObject({ message: 'enough' });
      await config.close();
      expect(await errorOf(config.changes().next())).toMatchObject({ code: 'CLOSED' });
      await removeAll(world);
    }));

  it.each(['its signal', 'the connection', 'close()'])('CONFIG-4: tells that it has ended, by %s', (how) =>
    inWorld(async (world) => {
      await putRaw(world, valid);
      const client = world.client();
      const aborts = new AbortController();
      const config = await world.until(configOf(client).watch({ prefix: 'app', signal: aborts.signal }));
      const told: unknown[] = [];
      config.events.on('end', (error) => told.push(ConclaveError.is(error) ? error.code : error));
      const reading = errorOf(config.changes().next());
      if (how === 'its signal') aborts.abort('enough');
      else await world.until(how === 'close()' ? config.close() : client.conclave.close());
      await world.settle();
      expect(told).toEqual([how === 'its signal' ? 'enough' : 'CLOSED']);
      await reading;
      await world.until(config.close());
      expect([told.length, client.store.openWatches]).toEqual([1, 0]);
      await removeAll(world);
    }),
  );

  it('CONFIG-6: a callback that throws disturbs nobody', () =>
    inWorld(async (world) => {
      await putRaw(world, valid);
      const config = await world.until(configOf(world.client()).watch({ prefix: 'app', schema: limits }));
      const failures: unknown[] = [];
      config.events.on('listenerFailed', (error) => failures.push(error));
      config.select(
        ({ rateLimit }) => rateLimit,
        () => {
          throw new Error('mine');
        },
      );
      const told = collect(config);
      await putRaw(world, { 'config/app/rateLimit': '6' });
      await world.settle();
      expect(told).toHaveLength(1);
      expect(failures).toMatchObject([{ message: 'mine' }]);
      await config.close();
      await removeAll(world);
    }));

  it('CONFIG-7: the last valid state is kept on disk and used when the store is away at the start', () =>
    inWorld(async (world) => {
      await putRaw(world, valid);
      const files = new MemoryFiles();
      const options = { prefix: 'app', schema: limits, snapshotFile: 'snapshot.json' } as const;
      const first = await world.until(configOf(world.client(), files).watch(options));
      await putRaw(world, { 'config/app/rateLimit': '-1' });
      await world.settle();
      await first.close();
      const away = world.client();
      away.store.partition();
      const config = await world.until(configOf(away, files).watch(options));
      expect(config).toMatchObject({ value: { rateLimit: 5, db: { host: 'a' } }, status: 'stale' });
      const told = collect(config);
      await putRaw(world, { 'config/app/rateLimit': '8', 'config/app/db/host': null, 'config/app/db': '{"host":"z"}' });
      away.store.heal();
      await world.advance(30_000);
      expect(config).toMatchObject({ value: { rateLimit: 8, db: { host: 'z' } }, status: 'live' });
      expect(told).toMatchObject([{ resync: true, previous: { rateLimit: 5 } }]);
      expect(told[0]?.changes.map(({ key, type }) => `${type} ${key}`).sort()).toEqual([
        'added db',
        'deleted db/host',
        'modified rateLimit',
      ]);
      await config.close();
      // Of something else, or damaged: no snapshot.
      for (const text of [
        '{"format":1',
        files.texts.get('snapshot.json')?.replace('config/app/', 'config/web/') ?? '',
      ]) {
        files.texts.set('snapshot.json', text);
        const blind = world.client();
        blind.store.partition();
        const failed: unknown[] = [];
        const none = configOf(blind, files).watch({ ...options, timeoutMs: 10_000 });
        expect(await world.until(errorOf(none))).toMatchObject({ code: 'TIMEOUT' });
        expect(failed).toEqual([]);
      }
      await removeAll(world);
    }));

  it('CONFIG-8: layers go over one another, the source of each value is told, files are read again', () =>
    inWorld(async (world) => {
      await putRaw(world, { 'config/app/b': '"store"', 'config/app/c': '"store"', 'config/app/deep/x': '1' });
      const files = new MemoryFiles();
      files.texts.set('base.json', '{"a":"file","b":"file"}');
      const config = await world.until(
        configOf(world.client(), files).watch({
          prefix: 'app',
          defaults: { a: 'default', z: 'default', deep: { x: 0, y: 0 } },
          file: 'base.json',
          environment: { APP_C: 'env', APP_DEEP__MAX_SIZE: '9', OTHER: 'x' },
          args: ['--config.d=true', '--verbose', '--config.c="args"'],
          overrideFile: 'override.json',
        }),
      );
      expect(config.value).toEqual({
        a: 'file',
        b: 'store',
        c: 'args',
        d: true,
        z: 'default',
        deep: { x: 1, y: 0, maxSize: 9 },
      });
      expect(Object.fromEntries(config.sources)).toEqual({
        a: 'file',
        b: 'store',
        c: 'command-line',
        d: 'command-line',
        z: 'defaults',
        'deep/x': 'store',
        'deep/y': 'defaults',
        'deep/maxSize': 'environment',
      });
      const told = collect(config);
      files.texts.set('override.json', '{"c":"operator"}');
      await world.advance(6_000);
      expect(config.value).toMatchObject({ c: 'operator' });
      expect(config.sources.get('c')).toBe('override');
      expect(told).toMatchObject([{ cause: 'file', changes: [] }]);
      files.texts.set('override.json', 'broken');
      await world.advance(6_000);
      expect(config).toMatchObject({ status: 'invalid', value: { c: 'operator' } });
      files.texts.delete('override.json');
      await world.advance(6_000);
      expect(config).toMatchObject({ status: 'live', value: { c: 'args' } });
      await config.close();
      await removeAll(world);
    }));

  it('CONFIG-9: any Standard Schema does, one of promises too; states that come while it thinks are one', () =>
    inWorld(async (world) => {
      await putRaw(world, valid);
      const schemas: StandardSchema<{ rateLimit: number }>[] = [
        z.object({ rateLimit: z.number() }),
        v.object({ rateLimit: v.number() }),
        arktype({ rateLimit: 'number' }),
        z.object({ rateLimit: z.number() }).refine((each) => Promise.resolve(each.rateLimit > 0)),
      ];
      for (const schema of schemas) {
        await putRaw(world, valid);
        const config = await world.until(configOf(world.client()).watch({ prefix: 'app', schema }));
        expect(config.value.rateLimit).toBe(5);
        const told = collect(config);
        for (const n of [6, 7, 8]) await putRaw(world, { 'config/app/rateLimit': `${n}` });
        await putRaw(world, { 'config/app/rateLimit': '"x"' });
        await world.settle();
        expect(config.status).toBe('invalid');
        await putRaw(world, { 'config/app/rateLimit': '9' });
        await world.settle();
        expect(told.at(-1)).toMatchObject({ current: { rateLimit: 9 }, changes: [{ key: 'rateLimit', newValue: 9 }] });
        const seen = told.map(({ current }) => current.rateLimit);
        expect([6, 7, 8, 9].filter((each) => seen.includes(each))).toEqual(seen);
        await config.close();
      }
      await removeAll(world);
    }));

  it('CONFIG-9: a schema that throws says no, now and in a promise', () =>
    inWorld(async (world) => {
      await putRaw(world, valid);
      const thrower = (fail: () => never | Promise<never>): StandardSchema<unknown> => ({
        '~standard': { version: 1, vendor: 'test', validate: fail },
      });
      const boom = () => {
        throw new Error('boom');
      };
      for (const fail of [boom, () => Promise.reject(new Error('boom'))]) {
        const config = await world.until(configOf(world.client()).watch({ prefix: 'app', schema: thrower(fail) }));
        expect(config.problem?.issues).toEqual([{ path: '', message: 'the schema threw: boom' }]);
        await config.close();
      }
      await removeAll(world);
    }));
});

describe('bad input', () => {
  it.each([
    ['no JSON', { 'config/app/a': '{' }],
    ['__proto__ in a value', { 'config/app/a': '{"__proto__":{"admin":true}}' }],
    ['__proto__ deep in a value', { 'config/app/a': '[{"x":{"__proto__":null}}]' }],
    ['a constructor with a prototype', { 'config/app/a': '{"constructor":{"prototype":{"admin":true}}}' }],
    ['__proto__ as a key', { 'config/app/__proto__/admin': 'true' }],
    ['constructor as a key', { 'config/app/constructor/prototype/admin': 'true' }],
    ['an empty name', { 'config/app/a//b': '1' }],
    ['a value nested too deep', { 'config/app/a': '['.repeat(100_000) + ']'.repeat(100_000) }],
    ['a key below a value that is none', { 'config/app/a': '1', 'config/app/a/b': '2' }],
    ['a key that is a member of one above it', { 'config/app/a': '{"b":1}', 'config/app/a/b': '2' }],
    ['a rollout that is none', { 'config/app/a': '{"$rollout":{"percent":200,"value":1},"value":2}' }],
  ])('CONFIG-10: %s is refused, reaches nobody, and pollutes nothing', (_, values) =>
    inWorld(async (world) => {
      await putRaw(world, { 'config/app/good': '1' });
      const config = await world.until(configOf(world.client()).watch({ prefix: 'app' }));
      const told = collect(config);
      await putRaw(world, values);
      await world.settle();
      expect(config).toMatchObject({ status: 'invalid', value: { good: 1 } });
      expect(config.problem?.issues).toHaveLength(1);
      expect(told).toEqual([]);
      expect(({} as { admin?: unknown }).admin).toBeUndefined();
      await putRaw(world, Object.fromEntries(Object.keys(values).map((key) => [key, null])));
      await world.settle();
      expect(config).toMatchObject({ status: 'live', value: { good: 1 } });
      await config.close();
      await removeAll(world);
    }),
  );

  it('CONFIG-10: names, options and aborts are refused before anything is asked', () =>
    inWorld(async (world) => {
      const client = world.client();
      const config = configOf(client);
      for (const key of ['', 'a/', 'a//b', 7 as unknown as string]) {
        expect(await errorOf(config.watch({ key }))).toMatchObject({ code: 'INVALID_NAME' });
      }
      expect(await errorOf(config.watch({ key: 'a', staleAfterMs: -1 }))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      const none = {} as StandardSchema<unknown>;
      expect(await errorOf(config.watch({ key: 'a', schema: none }))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      const signal = AbortSignal.abort(new Error('no'));
      expect(await errorOf(config.watch({ key: 'a', signal }))).toMatchObject({ message: 'no' });
      expect(client.store.counts).toMatchObject({ range: 0, watch: 0 });
    }));

  it('CONFIG-10: a hundred thousand keys', () =>
    inWorld(async (world) => {
      for (let i = 0; i < 100_000; i += 100) {
        await putRaw(world, Object.fromEntries(Array.from({ length: 100 }, (_, j) => [`config/app/k${i + j}`, '1'])));
      }
      const config = await world.until(configOf(world.client()).watch<Record<string, number>>({ prefix: 'app' }));
      expect(Object.keys(config.value)).toHaveLength(100_000);
      await putRaw(world, { 'config/app/k5': '2' });
      await world.settle();
      expect(config.value.k5).toBe(2);
      await config.close();
      await removeAll(world);
    }));
});
