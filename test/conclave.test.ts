import { describe, expect, it } from 'vitest';
import { utf8Text } from '../src/core/bytes.js';
import { put } from '../src/store/ops.js';
import { errorOf, inWorld } from './support/sim-world.js';

describe('plain etcd operations of a connection', () => {
  it('write, read and delete keys, given as text or bytes', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const written = await world.until(conclave.put('a', 'text'));
      expect(written.header.revision).toBe(2n);
      await world.until(conclave.put(Buffer.from('b'), new Uint8Array([0xff])));
      expect(utf8Text((await world.until(conclave.get('a')))?.value ?? new Uint8Array())).toBe('text');
      expect([...((await world.until(conclave.get('b')))?.value ?? [])]).toEqual([0xff]);
      expect(await world.until(conclave.get('c'))).toBeNull();
      expect((await world.until(conclave.delete('a'))).deleted).toBe(1n);
      expect((await world.until(conclave.delete('a'))).deleted).toBe(0n);
      await world.until(conclave.delete('b'));
    }));

  it('select by prefix, the empty one included', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      for (const key of ['a/1', 'a/2', 'b/1']) await world.until(conclave.put(key, ''));
      const names = async (what: { prefix: string; limit?: bigint }) =>
        (await world.until(conclave.range(what))).kvs.map(({ key }) => utf8Text(key));
      expect(await names({ prefix: 'a/' })).toEqual(['a/1', 'a/2']);
      expect(await names({ prefix: '' })).toEqual(['a/1', 'a/2', 'b/1']);
      expect(await names({ prefix: 'a/', limit: 1n })).toEqual(['a/1']);
      expect((await world.until(conclave.range({ key: 'a/2', rangeEnd: 'c' }))).count).toBe(2n);
      expect((await world.until(conclave.delete('a/', { prefix: true }))).deleted).toBe(2n);
      // A slip of the pen must not delete everything.
      expect(await world.until(errorOf(conclave.delete('', { prefix: true })))).toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
      await world.until(conclave.delete('b/1'));
    }));

  it('hang keys on the session, which takes them with it', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      await world.until(conclave.session.open());
      await world.until(conclave.put('a', '', { leaseId: conclave.session.leaseId }));
      await world.until(conclave.session.close());
      expect(await world.keys()).toEqual([]);
    }));

  it('watch a key or a prefix from a revision on', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      await world.until(conclave.put('a/1', 'x'));
      await world.until(conclave.delete('a/1'));
      const seen: string[] = [];
      const read = async () => {
        for await (const { events } of conclave.watch({ prefix: 'a/', startRevision: 2n })) {
          for (const { type, kv } of events) seen.push(`${type} ${utf8Text(kv.key)}`);
          if (seen.length >= 2) return;
        }
      };
      await world.until(read());
      expect(seen).toEqual(['0 a/1', '1 a/1']);
    }));

  it('reject with UNAVAILABLE, unknown, when the answer is lost, and are not sent again', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      store.loseReply('txn');
      expect(await world.until(errorOf(conclave.put('a', '')))).toMatchObject({ outcome: 'unknown' });
      expect(store.counts.txn).toBe(1);
      await world.until(conclave.delete('a'));
    }));
});

describe('close()', () => {
  it('is idempotent, and every later call rejects with CLOSED', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      await world.until(conclave.lock('x'));
      await world.until(Promise.all([conclave.close(), conclave.close()]));
      const calls = [
        () => conclave.lock('x'),
        () => conclave.tryLock('x'),
        () => conclave.withLock('x', () => {}),
        () => conclave.inspectLock('x'),
        () => conclave.election('e').campaign('v'),
        () => conclave.election('e').leader(),
        () => conclave.get('a'),
        () => conclave.put('a', ''),
        () => conclave.txn().then(put('a', '')).commit(),
        () => conclave.watch({ key: 'a' }).next(),
        async () => conclave.session,
      ];
      for (const call of calls) expect(await world.until(errorOf(call()))).toMatchObject({ code: 'CLOSED' });
    }));

  it('ends by itself when the store does not answer', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      await world.until(conclave.lock('x'));
      store.partition();
      const startedMs = world.sim.nowMs;
      await world.until(conclave.close());
      expect(world.sim.nowMs - startedMs).toBeLessThanOrEqual(10_000);
      store.heal();
      await world.expire();
    }));
});

describe('a range that is no { key } and no { prefix }', () => {
  it.each([
    ['a text', 'app/', '"app/"'],
    ['a misspelt name', { prefx: 'app/' }, 'object'],
    ['nothing', undefined, 'undefined'],
  ])('is refused with what to say instead: %s', (_title, what, got) =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const refused = { code: 'INVALID_ARGUMENT', message: `say { key } or { prefix }, got ${got}` };
      const given = what as never;
      const calls = [
        () => conclave.range(given),
        async () => conclave.watch(given).next(),
        () => conclave.config.history(given),
        () => conclave.config.diff(given, { from: 1n }),
        async () => conclave.config.watchers(given),
        ...(what === undefined ? [] : [() => conclave.config.watch(given)]),
      ];
      for (const call of calls) expect(await world.until(errorOf(call()))).toMatchObject(refused);
    }),
  );
});

describe('options that are not there', () => {
  it.each([undefined, null, 'x'] as never[])('are refused where something must be said: %s', (none) =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const calls = [
        async () => conclave.semaphore('x', none),
        async () => conclave.rateLimiter('x', none),
        async () => conclave.doubleBarrier('x', none),
        async () => conclave.cyclicBarrier('x', none),
        async () => conclave.countDownLatch('x', none),
        async () => conclave.partition('x', none),
        async () => conclave.breakLock('x', none),
        () => conclave.queue('x').schedule('s', none),
        () => conclave.queue('x').enqueueAll(none),
      ];
      for (const call of calls) expect(await errorOf(call())).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }),
  );

  it('are the defaults where nothing must: what was taken is let go of', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const none = undefined as never;
      const work = () => 7;
      const [lock, semaphore] = [conclave.rwLock('x'), conclave.semaphore('x', { permits: 1 })];
      for (let i = 0; i < 2; i++) {
        expect(await world.until(conclave.withLock('x', none, work))).toBe(7);
        expect(await world.until(lock.withRead(none, work))).toBe(7);
        expect(await world.until(lock.withWrite(none, work))).toBe(7);
        expect(await world.until(semaphore.withPermits(none, work))).toBe(7);
      }
      await world.until(semaphore.delete());
    }));
});

describe('a work that is no function', () => {
  it('is refused before anything is taken', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const [none, options] = [undefined as never, {} as never];
      const calls = [
        () => conclave.withLock('x', none),
        () => (conclave.withLock as (name: string) => Promise<unknown>)('x'),
        () => conclave.withLock('x', (() => {}) as never, options),
        () => conclave.rwLock('x').withRead((() => {}) as never, none),
        () => conclave.rwLock('x').withWrite({}, options),
        () => conclave.semaphore('x', { permits: 1 }).withPermits((() => {}) as never, none),
        () => conclave.election('x').run('v', none),
        () => conclave.partition('x', { ring: 2 }).run(null as never),
        () => conclave.partition('x', { ring: 2 }).run(none),
        () => conclave.stm(none),
        () => conclave.queue('x').consume(none),
        () => conclave.schedule('x', { everyMs: 1_000 }).run(none),
      ];
      for (const call of calls) {
        const error = await world.until(errorOf(call()));
        expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(/is no function$/) });
      }
      expect((await world.truth.range({ key: new Uint8Array(1), rangeEnd: new Uint8Array(1) })).kvs).toEqual([]);
    }));
});
