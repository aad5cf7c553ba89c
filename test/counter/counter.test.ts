import { describe, expect, it } from 'vitest';
import { pause } from '../../src/core/abort.js';
import { noBytes, utf8, utf8Text } from '../../src/core/bytes.js';
import { byChance } from '../../src/core/runtime.js';
import { int64Max, int64Min } from '../../src/counter/counter.js';
import { put } from '../../src/store/ops.js';
import { anyCall } from '../support/faulty-store.js';
import { errorOf, inWorld, type SimWorld } from '../support/sim-world.js';

const ttlMs = 60_000;

/** Runs `test`, then takes all numbers away: they are data, and stay otherwise. */
function withNumbers(test: (world: SimWorld) => Promise<void>): Promise<void> {
  return inWorld(async (world) => {
    await test(world);
    for (const { key } of await world.keys()) {
      await world.truth.txn({ success: [{ type: 'deleteRange', request: { key } }] });
    }
  });
}

describe('a counter', () => {
  it('COUNTER-1, COUNTER-5: calls that meet go in one request, each with a value of its own', () =>
    withNumbers(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      await world.until(conclave.counter('c').increment());
      const before = store.total;
      const values = await world.until(
        Promise.all(Array.from({ length: 100 }, () => conclave.counter('c').increment())),
      );
      expect(values).toEqual(Array.from({ length: 100 }, (_, i) => BigInt(i + 2)));
      expect(store.total - before).toBe(1);
    }));

  it('COUNTER-5: to look, to change, to draw and to ask', () =>
    withNumbers(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      const [counter, sequence] = [conclave.counter('c'), conclave.sequence('s', { block: 3 })];
      const limiter = conclave.rateLimiter('l', { limit: 1, perMs: 60_000, burst: 2 });
      const costs: [number, number][] = [];
      const work = [
        ...[() => counter.get(), () => counter.add(1), () => counter.set(7), () => counter.compareAndSet(7, 8)],
        ...Array.from({ length: 4 }, () => () => sequence.next()),
        ...Array.from({ length: 3 }, () => () => limiter.take()),
        () => counter.delete(),
      ];
      for (const call of work) {
        const [before, keys] = [store.total, (await world.keys()).length];
        await world.until(call() as Promise<unknown>);
        costs.push([store.total - before, (await world.keys()).length - keys]);
      }
      expect(costs).toEqual([
        // The first change makes the key.
        ...[
          [1, 0],
          [2, 1],
          [1, 0],
          [1, 0],
        ],
        // A block of three, and the next one.
        ...[
          [2, 1],
          [0, 0],
          [0, 0],
          [1, 0],
        ],
        // The third is refused, which is known.
        ...[
          [2, 1],
          [1, 0],
          [0, 0],
        ],
        [2, -1],
      ]);
      expect(store.openWatches).toBe(0);
    }));

  it('COUNTER-1, COUNTER-5: processes that meet lose nothing, and each gets through', () =>
    withNumbers(async (world) => {
      const clients = Array.from({ length: 16 }, () => world.client({ ttlMs }));
      const values = await world.until(Promise.all(clients.map(({ conclave }) => conclave.counter('c').increment())));
      expect([...values].sort((a, b) => Number(a - b))).toEqual(clients.map((_, i) => BigInt(i + 1)));
      const requests = clients.reduce((sum, { store }) => sum + store.total, 0);
      // Two each when nobody else is there; each write makes those that came with it too late once.
      expect(requests).toBeLessThan(16 * 17);
    }));

  it('COUNTER-8: nobody is kept waiting by others who write all the time', () =>
    withNumbers(async (world) => {
      const clients = Array.from({ length: 6 }, () => world.client({ ttlMs }));
      const waitsMs: number[] = [];
      const endMs = world.sim.monotonicMs() + 2_000;
      const writing = clients.map(async ({ conclave, store, runtime }) => {
        const onTheWayMs = () => 1 + 2 * byChance(runtime);
        while (world.sim.monotonicMs() < endMs) {
          // More than a call may need.
          for (let call = store.pendingFaults; call < 500; call++) {
            store.delay(anyCall, { requestMs: onTheWayMs(), replyMs: onTheWayMs() });
          }
          const fromMs = world.sim.monotonicMs();
          await conclave.counter('c').increment();
          waitsMs.push(world.sim.monotonicMs() - fromMs);
          await pause(runtime, 10 * byChance(runtime));
        }
      });
      await world.until(Promise.all(writing));
      expect(waitsMs.length).toBeGreaterThan(200);
      expect(Math.max(...waitsMs)).toBeLessThan(500);
    }));

  it('COUNTER-2: a lost answer whose history is compacted is told as unknown, and never added twice', () =>
    withNumbers(async (world) => {
      const [own, other] = [world.client({ ttlMs }), world.client({ ttlMs })];
      await world.until(own.conclave.counter('c').increment());
      own.store.loseReply(anyCall);
      const adding = errorOf(own.conclave.counter('c').add(1_000));
      await world.advance(1);
      for (let i = 0; i < 20; i++) await world.until(other.conclave.counter('c').increment());
      const { header } = await world.truth.range({ key: new Uint8Array([1]) });
      await world.truth.compact({ revision: header.revision });
      expect(await world.until(adding)).toMatchObject({ code: 'UNAVAILABLE', outcome: 'unknown', retryable: false });
      expect(await world.until(own.conclave.counter('c').increment())).toBe(1_022n);
    }));

  it('COUNTER-2: who comes after many others and a compaction is told of no lost answer', () =>
    withNumbers(async (world) => {
      const [seldom, often] = [world.client(), world.client()];
      await world.until(seldom.conclave.counter('c').increment());
      for (let i = 0; i < 20; i++) await world.until(often.conclave.counter('c').increment());
      const { header } = await world.truth.range({ key: utf8('counters/') });
      await world.truth.compact({ revision: header.revision });
      expect(await world.until(seldom.conclave.counter('c').increment())).toBe(22n);
      expect(seldom.store.counts.watch).toBe(0);
    }));

  it('COUNTER-2: a lost answer is found out about, though somebody puts what is no number before the next try', () =>
    withNumbers(async (world) => {
      const [own, other] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const [counter, key] = [own.conclave.counter('c'), 'counters/c/value'];
      await world.until(counter.increment());
      own.store.loseReply('txn');
      const adding = counter.add(1_000);
      await world.advance(1);
      await world.until(other.conclave.put(key, 'seven'));
      expect(await world.until(adding)).toBe(1_001n);
      expect(await world.until(errorOf(counter.increment()))).toMatchObject({ code: 'INVALID_VALUE' });
      await world.until(other.conclave.put(key, '5'));
      expect(await world.until(counter.increment())).toBe(6n);
      own.store.delay('txn', { requestMs: 10 });
      const late = counter.increment();
      await world.advance(5);
      for (const value of ['seven', '70']) await world.truth.txn({ success: [put(key, value)] });
      expect(await world.until(late)).toBe(71n);
    }));

  it('COUNTER-2: a delete whose time is up is told as unknown, and at once', () =>
    withNumbers(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      await world.until(conclave.counter('c').increment());
      store.partitionAt('txn');
      const [deleting, startMs] = [errorOf(conclave.counter('c').delete({ timeoutMs: 100 })), world.sim.monotonicMs()];
      expect(await world.until(deleting)).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
      expect(world.sim.monotonicMs() - startMs).toBe(100);
      store.heal();
      await world.advance(10_000);
    }));

  it('COUNTER-2: a delete whose answer is lost tells that it was done, and takes no later number away', () =>
    withNumbers(async (world) => {
      const [own, other] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const [counter, its] = [own.conclave.counter('c'), other.conclave.counter('c')];
      for (const after of [0n, 1n]) {
        await world.until(counter.set(7));
        own.store.loseReply('txn');
        const deleting = counter.delete();
        await world.advance(1);
        if (after > 0n) await world.until(its.increment());
        expect(await world.until(deleting)).toBe(true);
        expect(await world.until(its.get())).toBe(after);
      }
    }));

  it('COUNTER-3: what would leave its bounds is refused, alone of its batch', () =>
    withNumbers(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const counter = conclave.counter('c');
      await world.until(counter.set(int64Max));
      expect(await world.until(errorOf(counter.increment()))).toMatchObject({ code: 'OUT_OF_RANGE' });
      expect(await world.until(counter.get())).toBe(9_223_372_036_854_775_807n);
      await world.until(counter.set(int64Min));
      expect(await world.until(errorOf(counter.decrement()))).toMatchObject({ code: 'OUT_OF_RANGE' });
      const small = conclave.counter('small', { min: 0n, max: 2n });
      const calls = [small.decrement(), small.add(2), small.increment(), small.decrement()].map((each) =>
        each.then(String, (error: { code: string }) => error.code),
      );
      expect(await world.until(Promise.all(calls))).toEqual(['OUT_OF_RANGE', '2', 'OUT_OF_RANGE', '1']);
    }));

  it('COUNTER-4: refuses what is no 64-bit number, and a key that holds none', () =>
    withNumbers(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const counter = conclave.counter('c');
      for (const delta of [1.5, Number.NaN, 2 ** 53, 2n ** 63n, -(2n ** 63n) - 1n, '1' as unknown as number]) {
        expect(await errorOf(counter.add(delta))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      }
      expect(() => conclave.counter('c', { min: 2n, max: 1n })).toThrow(/min 2 is above max 1/);
      expect(() => conclave.counter('c', { max: 2n ** 64n })).toThrow(/64 bits/);
      expect(() => conclave.counter('')).toThrow(expect.objectContaining({ code: 'INVALID_NAME' }));
      await world.until(conclave.put('counters/c/value', 'seven'));
      expect(await world.until(errorOf(counter.get()))).toMatchObject({ code: 'INVALID_VALUE' });
      expect(await world.until(errorOf(counter.increment()))).toMatchObject({ code: 'INVALID_VALUE' });
      for (const foreign of [2n ** 63n, -(2n ** 63n) - 1n, 10n ** 39n]) {
        await world.until(conclave.put('counters/c/value', `${foreign}`));
        const calls = [counter.get(), counter.add(-1), counter.set(1), counter.compareAndSet(foreign % 7n, 1)];
        for (const call of calls.map(errorOf)) {
          expect(await world.until(call)).toMatchObject({ code: 'INVALID_VALUE' });
        }
        expect(utf8Text((await world.until(conclave.get('counters/c/value')))?.value ?? noBytes)).toBe(`${foreign}`);
      }
      for (const foreign of [-1n, 2n ** 63n]) {
        await world.until(conclave.put('sequences/s/last', `${foreign}`));
        expect(await world.until(errorOf(conclave.sequence('s').next()))).toMatchObject({ code: 'INVALID_VALUE' });
      }
      await world.until(conclave.put('counters/c/value', '7'));
      expect(await world.until(counter.increment())).toBe(8n);
    }));

  it('COUNTER-2, COUNTER-4: delete takes away what holds no number, as it was looked at, and it counts from 0', () =>
    withNumbers(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      const counter = conclave.counter('c');
      for (const foreign of ['seven', '', `${2n ** 63n}`, '1\nnobody']) {
        await world.until(conclave.put('counters/c/value', foreign));
        expect(await world.until(errorOf(counter.increment()))).toMatchObject({ code: 'INVALID_VALUE' });
        expect(await world.until(counter.delete())).toBe(true);
        expect(await world.until(counter.increment())).toBe(1n);
      }
      await world.until(conclave.put('counters/c/value', 'seven'));
      store.delay('txn', { requestMs: 10 });
      const deleting = counter.delete();
      await world.advance(5);
      await world.truth.txn({ success: [put('counters/c/value', 'eight')] });
      const before = store.total;
      expect(await world.until(deleting)).toBe(true);
      expect(store.total - before).toBe(2);
      expect(await world.until(counter.delete())).toBe(false);
    }));
});

describe('a sequence', () => {
  it('COUNTER-6: nobody gets a number twice; with blocks a request is for many', () =>
    withNumbers(async (world) => {
      const clients = Array.from({ length: 3 }, () => world.client({ ttlMs }));
      const sequences = clients.map(({ conclave }) => conclave.sequence('ids', { block: 10 }));
      const ids = await world.until(
        Promise.all(sequences.flatMap((each) => Array.from({ length: 25 }, () => each.next()))),
      );
      expect(new Set(ids).size).toBe(75);
      for (const [i] of sequences.entries()) {
        const own = ids.slice(i * 25, i * 25 + 25);
        expect(own).toEqual([...own].sort((a, b) => Number(a - b)));
      }
      const store = clients[0]?.store as (typeof clients)[0]['store'];
      const before = store.total;
      for (let i = 0; i < 5; i++) await world.until(sequences[0]?.next() as Promise<bigint>);
      expect(store.total - before).toBe(0);
      expect(ids.every((id) => id >= 1n && id <= 90n)).toBe(true);
    }));

  it('COUNTER-6: without blocks each number is higher than all before, and the last is told', () =>
    withNumbers(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const order: bigint[] = [];
      for (const { conclave } of [a, b, b, a]) order.push(await world.until(conclave.sequence('s').next()));
      expect(order).toEqual([1n, 2n, 3n, 4n]);
      await world.until(a.conclave.put('sequences/s/last', `${int64Max - 1n}`));
      expect(await world.until(a.conclave.sequence('s').next())).toBe(int64Max);
      expect(await world.until(errorOf(a.conclave.sequence('s').next()))).toMatchObject({ code: 'OUT_OF_RANGE' });
      expect(() => a.conclave.sequence('s', { block: 0 })).toThrow(/block/);
      expect(() => a.conclave.sequence('s', { block: 1e10 })).toThrow(/block/);
    }));
});

describe('a rate limiter', () => {
  it('COUNTER-7: allows the burst, then the rate, over all processes together', () =>
    withNumbers(async (world) => {
      const clients = Array.from({ length: 4 }, () => world.client({ ttlMs }));
      const limiters = clients.map(({ conclave }) => conclave.rateLimiter('api', { limit: 10, burst: 5 }));
      let allowed = 0;
      const startMs = world.sim.monotonicMs();
      while (world.sim.monotonicMs() - startMs < 10_000) {
        for (const limiter of limiters) if ((await world.until(limiter.take())).allowed) allowed += 1;
        await world.advance(7);
      }
      expect(allowed).toBeLessThanOrEqual(5 + 100 + 1);
      expect(allowed).toBeGreaterThanOrEqual(5 + 99);
    }));

  it('COUNTER-7: a clock that is ahead gives one burst more and keeps nobody out', () =>
    withNumbers(async (world) => {
      const [own, ahead] = [world.client({ ttlMs }), world.client({ ttlMs })];
      ahead.runtime.jumpWall(3_600_000);
      const limiters = [own, ahead].map(({ conclave }) => conclave.rateLimiter('api', { limit: 1, burst: 3 }));
      let allowed = 0;
      const startMs = world.sim.monotonicMs();
      for (let i = 0; world.sim.monotonicMs() - startMs < 60_000; i++) {
        const { allowed: yes, retryAfterMs } = await world.until((limiters[i % 2] as (typeof limiters)[0]).take());
        if (yes) allowed += 1;
        else expect(retryAfterMs).toBeLessThanOrEqual(1_000);
        await world.advance(100);
      }
      expect(allowed).toBeGreaterThanOrEqual(60);
      expect(allowed).toBeLessThanOrEqual(60 + 2 * 3 + 1);
    }));

  it.each([0, 700, 2_500, 9_000])(
    'COUNTER-7: clocks that differ by %s ms, and the error that is said of them',
    (apartMs) =>
      withNumbers(async (world) => {
        const clients = Array.from({ length: 3 }, () => world.client({ ttlMs }));
        for (const [i, { runtime }] of clients.entries()) runtime.jumpWall((apartMs * i) / 2);
        const limiters = clients.map(({ conclave }) =>
          conclave.rateLimiter('api', { limit: 2, perMs: 1_000, burst: 4 }),
        );
        const startMs = world.sim.monotonicMs();
        let allowed = 0;
        // The slowest clock comes first: what those ahead of it may do more is the error.
        for (let i = 0; world.sim.monotonicMs() - startMs < 20_000; i++) {
          const limiter = limiters[Math.min(i, 2)] as (typeof limiters)[0];
          if ((await world.until(limiter.take())).allowed) allowed += 1;
          await world.advance(20);
        }
        const bound = 4 + (20_000 + apartMs) / 500;
        expect(allowed).toBeLessThanOrEqual(bound);
        expect(allowed).toBeGreaterThanOrEqual(Math.min(bound, 4 + 20_000 / 500) - 1);
      }),
  );

  it('COUNTER-7: whoever waits is told that the connection is closed', () =>
    withNumbers(async (world) => {
      const { conclave, runtime } = world.client({ ttlMs });
      const limiter = conclave.rateLimiter('l', { limit: 1, perMs: 3_600_000 });
      await world.until(limiter.wait());
      const waiting = errorOf(limiter.wait());
      await world.advance(1_000);
      await world.until(conclave.close());
      expect(await world.until(waiting)).toMatchObject({ code: 'CLOSED' });
      expect(runtime.pendingTimers).toBe(0);
    }));

  it('COUNTER-7, COUNTER-5: waits its turn; a refusal that is known costs no request', () =>
    withNumbers(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      const limiter = conclave.rateLimiter('api', { limit: 1, perMs: 1_000, burst: 2 });
      expect(await world.until(limiter.take({ cost: 2 }))).toEqual({ allowed: true, remaining: 0, retryAfterMs: 0 });
      const before = store.total;
      expect(await world.until(limiter.take())).toMatchObject({ allowed: false, remaining: 0 });
      expect(store.total - before).toBe(0);
      const startMs = world.sim.monotonicMs();
      await world.until(Promise.all([limiter.wait(), limiter.wait(), limiter.wait()]));
      expect(world.sim.monotonicMs() - startMs).toBeGreaterThan(2_900);
      expect(world.sim.monotonicMs() - startMs).toBeLessThan(3_300);
      expect(await world.until(errorOf(limiter.wait({ timeoutMs: 10 })))).toMatchObject({ code: 'TIMEOUT' });
      expect(await errorOf(limiter.take({ cost: 3 }))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      for (const bad of [{ limit: 0 }, { limit: 1.5 }, { limit: 1, burst: 0 }, { limit: 1, perMs: -1 }]) {
        expect(() => conclave.rateLimiter('api', bad)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
      }
    }));
});
