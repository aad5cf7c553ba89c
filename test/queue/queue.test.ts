import { describe, expect, it } from 'vitest';
import type { Job } from '../../src/queue/job.js';
import { etcdError } from '../../src/store/etcd-errors.js';
import type { TxnRequest } from '../../src/store/messages.js';
import { errorOf, type SimWorld } from '../support/sim-world.js';
import { nextUncaught } from '../support/uncaught.js';
import { below, consuming, inQueueWorld, stop } from './support.js';

const options = { maxAttempts: 3, backoff: { firstMs: 1_000, mostMs: 60_000 } };

function open(world: SimWorld, ttlMs = 60_000) {
  const client = world.client({ ttlMs });
  return { client, queue: client.conclave.queue('q', options) };
}

const isClaim = (name: string, request: unknown) =>
  name === 'txn' && (request as TxnRequest).success?.[0]?.type === 'txn';

it('QUEUE-2, QUEUE-8: who reads the answer to its claim after its deadline is not given the job', async () => {
  await inQueueWorld(async (world) => {
    const ttlMs = 10_000;
    const { client, queue } = open(world, ttlMs);
    const consumer = await world.until(queue.consumer());
    await world.until(queue.enqueue('x'));
    client.store.delay(isClaim, { replyMs: 100 });
    const taken = errorOf(consumer.take());
    await world.advance(50);
    // The machine sleeps; no timer has had its turn when the answer is read.
    client.runtime.suspend(ttlMs);
    expect(await world.until(taken)).toMatchObject({ code: 'SESSION_LOST', loss: 'deadline' });
    await world.until(consumer.close());
    await world.expire();
    const other = open(world);
    const second = await world.until(other.queue.consumer());
    expect((await world.until(second.take())).attempt).toBe(2);
    await world.until(second.close());
    expect(await world.until(other.queue.purge())).toBe(1);
  });
});

it('QUEUE-19: a purge whose answer was lost counts right though another purge was there in between', async () => {
  await inQueueWorld(async (world) => {
    const [first, second] = [open(world), open(world)];
    await world.until(first.queue.enqueueAll(['a', 'b', 'c']));
    const isRemoval = (name: string, request: unknown) =>
      name === 'txn' && (request as TxnRequest).success?.some(({ type }) => type === 'deleteRange') === true;
    first.client.store.loseReply(isRemoval);
    const purged = first.queue.purge();
    while ((await below(world, 'q/jobs/')).length > 0) await world.advance(1);
    await world.until(second.queue.enqueueAll(['d', 'e']));
    expect(await world.until(second.queue.purge())).toBe(2);
    expect(await world.until(purged)).toBe(3);
  });
});

describe('a job that fails', () => {
  it('QUEUE-11: comes back after a backoff that grows, and is a dead letter after its last attempt', async () => {
    await inQueueWorld(async (world) => {
      const { queue } = open(world);
      await world.until(queue.enqueue('x'));
      const attempts: [number, number][] = [];
      const failures: unknown[] = [];
      const end = consuming(
        queue,
        (job) => {
          attempts.push([job.attempt, world.sim.monotonicMs()]);
          throw new Error(`no ${job.attempt}`);
        },
        { onFailure: (error) => failures.push(error) },
      );
      await world.advance(10_000);
      expect(attempts.map(([attempt]) => attempt)).toEqual([1, 2, 3]);
      const [first, second, third] = attempts.map(([, atMs]) => atMs) as [number, number, number];
      expect(second - first).toBeGreaterThanOrEqual(500);
      expect(second - first).toBeLessThan(1_100);
      expect(third - second).toBeGreaterThanOrEqual(1_000);
      expect(third - second).toBeLessThan(2_100);
      expect(failures).toHaveLength(3);
      expect(await world.until(queue.stats())).toMatchObject({ ready: 0, delayed: 0, claimed: 0, dead: 1 });
      const [dead] = await world.until(queue.list('dead'));
      expect(dead).toMatchObject({ id: '1', payload: 'x', attempts: 3, reason: 'Error: no 3' });
      expect(await world.until(queue.redrive('1'))).toBe(true);
      expect(await world.until(queue.redrive('1'))).toBe(false);
      await world.advance(100);
      expect(attempts).toHaveLength(4);
      await world.until(queue.cancel('1'));
      await world.advance(2_000);
      expect(attempts).toHaveLength(4);
      await world.until(end());
    });
  });

  it.each(['nack', 'retry'] as const)(
    'QUEUE-11: is a dead letter, too, when its last attempt ends with %s',
    async (how) => {
      await inQueueWorld(async (world) => {
        const { queue } = open(world);
        await world.until(queue.enqueue('x'));
        const consumer = await world.until(queue.consumer());
        for (let attempt = 1; attempt <= 3; attempt++) {
          const job = await world.until(consumer.take());
          expect(job.attempt).toBe(attempt);
          await world.until(job[how]({ reason: `no ${attempt}` }));
        }
        expect(await world.until(queue.list('dead'))).toMatchObject([{ attempts: 3, reason: 'no 3' }]);
        await world.until(queue.cancel('1'));
        await world.until(queue.enqueue('y'));
        for (let attempt = 1; attempt <= 3; attempt++) await world.until((await world.until(consumer.take()))[how]());
        const [dead] = await world.until(queue.list('dead'));
        expect(dead?.reason).toBe('given back after its last attempt');
        await world.until(queue.purge());
        await world.until(consumer.close());
      });
    },
  );

  it('QUEUE-11: whose consumers die is a dead letter in the end, too', async () => {
    await inQueueWorld(async (world) => {
      const { queue } = open(world);
      await world.until(queue.enqueue('poison'));
      for (let attempt = 1; attempt <= 3; attempt++) {
        const { client, queue: dying } = open(world, 2_000);
        const consumer = await world.until(dying.consumer());
        const job = await world.until(consumer.take());
        expect(job.attempt).toBe(attempt);
        await world.until(world.truth.leaseRevoke({ id: job.leaseId }));
        await world.until(consumer.close());
        client.store.heal();
        const keeper = await world.until(queue.consumer());
        await world.advance(100);
        await world.until(keeper.close());
      }
      const [dead] = await world.until(queue.list('dead'));
      expect(dead).toMatchObject({ attempts: 3, reason: 'its last consumer was lost' });
      await world.until(queue.cancel('1'));
    });
  });
});

describe('a delayed job', () => {
  it('QUEUE-12: waits for its time, whoever keeps the queue meanwhile', async () => {
    await inQueueWorld(async (world) => {
      const { queue } = open(world);
      await world.until(queue.enqueue('late', { delayMs: 5_000 }));
      await world.until(queue.enqueue('now'));
      const consumer = await world.until(queue.consumer());
      const now = await world.until(consumer.take());
      expect(now.payload).toBe('now');
      await world.until(now.ack());
      await world.until(consumer.close());
      const next = await world.until(open(world).queue.consumer());
      const startMs = world.sim.monotonicMs();
      const late = await world.until(next.take());
      expect(late.payload).toBe('late');
      expect(world.sim.monotonicMs() - startMs).toBeGreaterThan(4_000);
      expect(world.sim.monotonicMs() - startMs).toBeLessThan(5_100);
      await world.until(late.ack());
      await world.until(next.close());
    });
  });

  it('QUEUE-12: waits no longer than its delay, however wrong the clock of its producer is', async () => {
    await inQueueWorld(async (world) => {
      const { client, queue } = open(world);
      client.runtime.jumpWall(3_600_000);
      await world.until(queue.enqueue('late', { delayMs: 5_000 }));
      const consumer = await world.until(open(world).queue.consumer());
      const startMs = world.sim.monotonicMs();
      const late = await world.until(consumer.take());
      expect(world.sim.monotonicMs() - startMs).toBeLessThan(5_100);
      await world.until(late.ack());
      await world.until(consumer.close());
    });
  });
});

describe('priorities, pause and cancel', () => {
  it('QUEUE-4: higher goes first, also before what came earlier', async () => {
    await inQueueWorld(async (world) => {
      const { queue } = open(world);
      for (const [payload, priority] of [
        ['b', 0],
        ['c', -999],
        ['a', 999],
      ] as const) {
        await world.until(queue.enqueue(payload, { priority }));
      }
      expect((await world.until(queue.peek()))?.payload).toBe('a');
      const consumer = await world.until(queue.consumer());
      for (const payload of ['a', 'b', 'c']) {
        const job = await world.until(consumer.take());
        expect(job.payload).toBe(payload);
        await world.until(job.ack());
      }
      await world.until(consumer.close());
    });
  });

  it('QUEUE-13: a paused queue hands out nothing until it is resumed', async () => {
    await inQueueWorld(async (world) => {
      const { queue } = open(world);
      const other = open(world).queue;
      await world.until(queue.pause());
      const seen: unknown[] = [];
      const end = consuming(other, (job) => seen.push(job.payload));
      await world.until(queue.enqueue('x'));
      await world.advance(60_000);
      expect(seen).toEqual([]);
      expect(await world.until(queue.stats())).toMatchObject({ ready: 1, paused: true });
      expect((await world.until(queue.peek()))?.payload).toBe('x');
      await world.until(queue.resume());
      await world.advance(100);
      expect(seen).toEqual(['x']);
      await world.until(end());
    });
  });

  it('QUEUE-13: a cancelled job is handed to nobody, and lost by whoever has it', async () => {
    await inQueueWorld(async (world) => {
      const { queue } = open(world);
      await world.until(queue.enqueueAll(['a', 'b', 'c']));
      const consumer = await world.until(queue.consumer());
      const job = await world.until(consumer.take());
      expect(await world.until(queue.cancel('1'))).toBe(true);
      expect(await world.until(queue.cancel('2'))).toBe(true);
      expect(await world.until(queue.cancel('2'))).toBe(false);
      await world.advance(100);
      expect(job.held).toBe(false);
      expect(job.signal.reason).toMatchObject({ code: 'LOST' });
      const next = await world.until(consumer.take());
      expect(next.payload).toBe('c');
      await world.until(next.ack());
      await world.until(consumer.close());
      expect(await below(world, 'q/ready/')).toEqual([]);
      expect(await errorOf(queue.cancel('x'))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    });
  });
});

it('tells how old the oldest job is that is no dead letter', async () => {
  await inQueueWorld(async (world) => {
    const { queue } = open(world);
    expect((await world.until(queue.stats())).oldestMs).toBeUndefined();
    await world.until(queue.enqueue('old'));
    await world.advance(5_000);
    await world.until(queue.enqueue('young', { priority: 5 }));
    await world.advance(1_000);
    expect((await world.until(queue.stats())).oldestMs).toBeCloseTo(6_000, -2);
    const consumer = await world.until(queue.consumer());
    const [young, old] = await world.until(Promise.all([consumer.take(), consumer.take()]));
    expect((await world.until(queue.stats())).oldestMs).toBeCloseTo(6_000, -2);
    await world.until(old.dead('broken'));
    expect(await world.until(queue.stats())).toMatchObject({ dead: 1, oldestMs: expect.closeTo(1_000, -2) });
    await world.until(young.dead('broken'));
    expect(await world.until(queue.stats())).toMatchObject({ dead: 2, oldestMs: undefined });
    await world.until(consumer.close());
    expect(await world.until(queue.purge())).toBe(2);
  });
});

describe('limits and dedupe keys', () => {
  it('QUEUE-14: never holds more than its limits, and makes producers wait who want to', async () => {
    await inQueueWorld(async (world) => {
      const small = { maxJobs: 3, maxKib: 20, maxJobKib: 16 };
      const queue = world.client({ ttlMs: 60_000 }).conclave.queue('q', small);
      const other = world.client({ ttlMs: 60_000 }).conclave.queue('q', small);
      await world.until(queue.enqueue('x'.repeat(10_000)));
      expect(await errorOf(world.until(other.enqueue('x'.repeat(12_000))))).toMatchObject({
        code: 'RESOURCE_EXHAUSTED',
        outcome: 'not-applied',
      });
      const adding = await Promise.allSettled(
        ['a', 'b', 'c', 'd'].map((each, i) => world.until((i % 2 === 0 ? queue : other).enqueue(each))),
      );
      expect(adding.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
      expect((await below(world, 'q/jobs/')).length).toBe(3);
      const waiting = other.enqueue('later', { whenFull: 'wait' });
      await world.advance(5_000);
      const consumer = await world.until(queue.consumer());
      const job = await world.until(consumer.take());
      await world.until(job.ack());
      await world.until(waiting);
      for (let i = 0; i < 3; i++) await world.until((await world.until(consumer.take())).ack());
      await world.until(consumer.close());
    });
  });

  it('QUEUE-14: what no empty queue has room for is refused, and nobody waits for it', async () => {
    await inQueueWorld(async (world) => {
      const queue = world.client({ ttlMs: 60_000 }).conclave.queue('q', { maxJobs: 2, maxKib: 4 });
      const large = 'x'.repeat(5_000);
      const refused = [
        queue.enqueueAll([1, 2, 3], { whenFull: 'wait' }),
        queue.enqueue(large, { whenFull: 'wait' }),
        queue.enqueue(large),
        queue.schedule('s', { everyMs: 1_000, payload: large }),
      ].map((each) => errorOf(each));
      const errors = await world.until(Promise.all(refused));
      expect(errors).toMatchObject(errors.map(() => ({ code: 'INVALID_ARGUMENT' })));
    });
  });

  it('QUEUE-15: one job per dedupe key is in the queue at a time', async () => {
    await inQueueWorld(async (world) => {
      const [first, second] = [open(world).queue, open(world).queue];
      const added = await world.until(
        Promise.all([first, second, first, second].map((queue) => queue.enqueue('x', { dedupeKey: 'a/b' }))),
      );
      expect(added.map(({ id }) => id)).toEqual(['1', '1', '1', '1']);
      expect(added.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      const consumer = await world.until(first.consumer());
      const job = await world.until(consumer.take());
      expect(await world.until(second.enqueue('x', { dedupeKey: 'a/b' }))).toEqual({ id: '1', duplicate: true });
      await world.until(job.ack());
      const next = await world.until(second.enqueue('y', { dedupeKey: 'a/b' }));
      expect(next.duplicate).toBe(false);
      await world.until((await world.until(consumer.take())).ack());
      await world.until(consumer.close());
    });
  });
});

describe('handlers', () => {
  it('QUEUE-16: one that never settles is stopped after its time, and given up after a grace', async () => {
    await inQueueWorld(async (world) => {
      const { queue } = open(world);
      await world.until(queue.enqueueAll(['stuck', 'next']));
      const seen: Job[] = [];
      const end = consuming(
        queue,
        (job) => {
          seen.push(job);
          return job.payload === 'stuck' && job.attempt === 1 ? new Promise(() => {}) : undefined;
        },
        { timeLimitMs: 1_000 },
      );
      await world.advance(1_100);
      const [stuck] = seen as [Job];
      expect(stuck.signal.reason).toMatchObject({ code: 'TIMEOUT' });
      expect(stuck.held).toBe(true);
      await world.advance(10_000);
      expect(stuck.held).toBe(false);
      expect(seen.map(({ payload, attempt }) => [payload, attempt])).toEqual([
        ['stuck', 1],
        ['next', 1],
        ['stuck', 2],
      ]);
      await world.until(end());
    });
  });
});

it('QUEUE-16: one that goes on though its lease was lost holds up nothing', async () => {
  await inQueueWorld(async (world) => {
    const ttlMs = 2_000;
    const { client, queue } = open(world, ttlMs);
    await world.until(queue.enqueueAll(['stuck', 'next']));
    const seen: [unknown, number][] = [];
    const failures: unknown[] = [];
    const end = consuming(
      queue,
      ({ payload, attempt }) => {
        seen.push([payload, attempt]);
        return attempt === 1 && payload === 'stuck' ? new Promise(() => {}) : undefined;
      },
      { onFailure: (error) => failures.push(error) },
    );
    await world.advance(100);
    client.store.partition();
    await world.advance(2 * ttlMs);
    client.store.heal();
    // What is stated for handlers, and what a new session takes.
    await world.advance(5_000 + ttlMs);
    expect(seen.map(([payload, attempt]) => `${payload} ${attempt}`).sort()).toEqual(['next 1', 'stuck 1', 'stuck 2']);
    expect(failures).toEqual([expect.objectContaining({ code: 'SESSION_LOST' })]);
    await world.until(end());
  });
});

it('QUEUE-9: what comes when the work is told to stop is not begun, and goes back as it was', async () => {
  await inQueueWorld(async (world) => {
    const { queue } = open(world);
    await world.until(queue.enqueueAll(['a', 'b', 'c', 'd']));
    const enough = new AbortController();
    const begun: unknown[] = [];
    const handler = (job: Job) => {
      begun.push(job.payload);
      enough.abort(stop);
    };
    // One request claims all four.
    expect(await errorOf(world.until(queue.consume(handler, { concurrency: 4, signal: enough.signal })))).toBe(stop);
    expect(begun).toEqual(['a']);
    expect((await world.until(queue.list('ready'))).map(({ payload, attempts }) => [payload, attempts])).toEqual([
      ['b', 0],
      ['c', 0],
      ['d', 0],
    ]);
    expect(await world.until(queue.purge())).toBe(3);
  });
});

it('QUEUE-16: a listener for failures that throws stops nothing', async () => {
  await inQueueWorld(async (world) => {
    const { queue } = open(world);
    await world.until(queue.enqueueAll(['bad', 'good']));
    const done: unknown[] = [];
    const uncaught = nextUncaught();
    const work = ({ payload }: Job) => {
      if (payload === 'bad') throw new Error('no');
      done.push(payload);
    };
    const onFailure = () => {
      throw new Error('mine');
    };
    const end = consuming(queue, work, { onFailure });
    await world.advance(100);
    expect(await uncaught).toMatchObject({ message: 'mine' });
    expect(done).toEqual(['good']);
    expect(await world.until(queue.list('delayed'))).toMatchObject([{ payload: 'bad', attempts: 1 }]);
    await world.until(end());
    expect(await world.until(queue.purge())).toBe(1);
  });
});

it('QUEUE-10: consume() goes on when a full store has room again; a handler that is none claims nothing', async () => {
  await inQueueWorld(async (world) => {
    const { client, queue } = open(world);
    expect(await errorOf(queue.consume('work' as never))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    const done: unknown[] = [];
    const end = consuming(queue, ({ payload }) => done.push(payload));
    await world.advance(100);
    for (const full of ['noSpace', 'tooManyRequests'] as const) client.store.refuse(isClaim, etcdError(full));
    await world.until(queue.enqueueAll(['a', 'b']));
    await world.advance(10_000);
    expect([done, client.store.pendingFaults]).toEqual([['a', 'b'], 0]);
    await world.until(end());
  });
});

describe('cost', () => {
  it('QUEUE-17: a new job wakes one idle consumer, and costs a claim and an ack however many wait', async () => {
    await inQueueWorld(async (world) => {
      const { client, queue } = open(world);
      const others = Array.from({ length: 8 }, () => open(world));
      const ends = others.map(({ queue: each }) => consuming(each, () => {}));
      await world.advance(1_000);
      const txns = () => others.map(({ client: each }) => each.store.counts.txn);
      const before = txns();
      await world.until(queue.enqueue('x'));
      await world.advance(50);
      const busy = txns().filter((count, i) => count > (before[i] as number));
      // The one that works, and the next in line, who looks once.
      expect(busy.length).toBeLessThanOrEqual(2);
      await world.until(Promise.all(ends.map((end) => end())));
      for (const waiting of [40, 400]) {
        for (let i = 0; i < waiting; i += 40) await world.until(queue.enqueueAll(Array.from({ length: 40 }, () => i)));
        const consumer = await world.until(queue.consumer());
        await world.until((await world.until(consumer.take())).ack());
        const start = client.store.counts.txn + client.store.counts.range;
        for (let i = 0; i < 10; i++) await world.until((await world.until(consumer.take())).ack());
        expect(client.store.counts.txn + client.store.counts.range - start).toBe(20);
        await world.until(consumer.close());
      }
      const end = consuming(queue, () => {}, { concurrency: 4 });
      for (let i = 0; i < 100 && (await below(world, 'q/jobs/')).length > 0; i++) await world.advance(100);
      await world.until(end());
    });
  });
});
