import { type } from 'arktype';
import { describe, expect, it } from 'vitest';
import { errorOf, outcomeOf, type SimWorld } from '../support/sim-world.js';
import { below, consuming, inQueueWorld, isSettling } from './support.js';

function open(world: SimWorld) {
  return world.client({ ttlMs: 60_000 }).conclave.queue('q', { maxAttempts: 2, backoff: { firstMs: 10, mostMs: 10 } });
}

describe('what a job tells', () => {
  it('QUEUE-20: its progress is read by others and by its next attempt, and goes with it', async () => {
    await inQueueWorld(async (world) => {
      const queue = open(world);
      await world.until(queue.enqueue('x'));
      const consumer = await world.until(queue.consumer());
      const job = await world.until(consumer.take());
      expect(job.progress).toBeUndefined();
      await world.until(Promise.all([1, 2, 3].map((step) => job.updateProgress({ step }))));
      expect(job.progress).toEqual({ step: 3 });
      expect((await world.until(open(world).list('claimed')))[0]).toMatchObject({ id: '1', progress: { step: 3 } });
      expect(await errorOf(job.updateProgress('x'.repeat(5_000)))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      await world.until(job.nack());
      expect(await errorOf(job.updateProgress(4))).toMatchObject({ code: 'RELEASED' });
      const again = await world.until(consumer.take());
      expect(again.progress).toEqual({ step: 3 });
      await world.until(again.updateProgress({ step: 4 }));
      await world.until(world.truth.leaseRevoke({ id: again.leaseId }));
      await world.advance(100);
      expect(await errorOf(again.updateProgress({ step: 5 }))).toMatchObject({ code: expect.stringMatching(/LOST/) });
      await world.until(consumer.close());
      await world.until(queue.cancel('1'));
      expect(await below(world, 'q/progress/')).toEqual([]);
      const last = await world.until(open(world).consumer());
      await world.advance(1_000);
      await world.until(last.close());
      await world.until(queue.purge());
    });
  });

  it('QUEUE-21: what the handler returned is there for whoever asked for it, and goes by itself', async () => {
    await inQueueWorld(async (world) => {
      const queue = open(world);
      const [kept, not, bad, none] = await world.until(
        Promise.all([
          queue.enqueue('kept', { keepResultMs: 60_000 }),
          queue.enqueue('not'),
          queue.enqueue('bad', { keepResultMs: 60_000 }),
          queue.enqueue('none', { keepResultMs: 60_000 }),
        ]),
      );
      const waiting = open(world).result(kept.id);
      const end = consuming(queue, (job) => {
        if (job.payload === 'bad') return 1n;
        return job.payload === 'none' ? undefined : { did: job.payload };
      });
      expect(await world.until(waiting)).toEqual({ state: 'done', result: { did: 'kept' } });
      expect(await world.until(queue.result(not.id))).toEqual({ state: 'gone' });
      expect(await world.until(queue.result(none.id))).toEqual({ state: 'done', result: undefined });
      expect(await world.until(queue.result(bad.id))).toMatchObject({
        state: 'dead',
        reason: expect.stringMatching(/JSON/),
      });
      await world.until(queue.cancel(bad.id));
      await world.until(end());
      await world.advance(65_000);
      expect(await below(world, 'q/results/')).toEqual([]);
      expect(await world.until(queue.result(kept.id))).toEqual({ state: 'gone' });
    });
  });
});

describe('a schema', () => {
  it('QUEUE-22: refuses a payload at the door, and lays aside what came in another way', async () => {
    await inQueueWorld(async (world) => {
      const schema = type({ to: 'string', 'times?': 'number' }).pipe(({ to, times }) => ({ to, times: times ?? 1 }));
      const strict = world.client({ ttlMs: 60_000 }).conclave.queue<{ to: string; times?: number }>('q', { schema });
      expect(await errorOf(strict.enqueue({ to: 7 } as never))).toMatchObject({
        code: 'INVALID_VALUE',
        message: expect.stringMatching(/to.*string/),
      });
      expect(await errorOf(strict.enqueueAll([{ to: 'a' }, { from: 'b' } as never]))).toMatchObject({
        code: 'INVALID_VALUE',
      });
      await world.until(open(world).enqueue({ to: 7 }));
      await world.until(strict.enqueue({ to: 'a' }));
      const seen: unknown[] = [];
      const end = consuming(strict as never, (job) => seen.push(job.payload));
      await world.advance(1_000);
      expect(seen).toEqual([{ to: 'a', times: 1 }]);
      const [dead] = await world.until(strict.list('dead'));
      expect(dead).toMatchObject({ id: '1', attempts: 1, reason: expect.stringMatching(/does not fit the schema/) });
      await world.until(strict.cancel('1'));
      await world.until(end());
    });
  });
});

it('QUEUE-22: a job that does not fit, and is cancelled as it is put aside, is no concern of who takes', async () => {
  await inQueueWorld(async (world) => {
    const { conclave, store } = world.client({ ttlMs: 60_000 });
    const other = world.client({ ttlMs: 60_000 }).conclave.queue('q');
    const consumer = await world.until(conclave.queue('q', { schema: type('string') }).consumer());
    const taking = consumer.take();
    store.delay(isSettling, { requestMs: 1_000 });
    const { id } = await world.until(other.enqueue(7));
    await world.advance(500);
    expect(await world.until(other.cancel(id))).toBe(true);
    await world.until(other.enqueue('x'));
    const job = await world.until(taking);
    expect(job.payload).toBe('x');
    await world.until(job.ack());
    await world.until(consumer.close());
  });
});

it('QUEUE-9, QUEUE-22: a schema that never answers holds up nobody who gives up', async () => {
  await inQueueWorld(async (world) => {
    const schema = {
      '~standard': { version: 1, vendor: 'none', validate: () => new Promise<never>(() => {}) },
    } as const;
    const strict = world.client({ ttlMs: 60_000 }).conclave.queue('q', { schema });
    expect(await world.until(errorOf(strict.enqueue('x', { timeoutMs: 1_000 })))).toMatchObject({ code: 'TIMEOUT' });
    const scheduled = strict.schedule('s', { everyMs: 60_000, payload: 'x', timeoutMs: 1_000 });
    expect(await world.until(errorOf(scheduled))).toMatchObject({ code: 'TIMEOUT' });
    const queue = open(world);
    await world.until(queue.enqueue('y'));
    const end = consuming(strict, () => {});
    await world.advance(5_000);
    await world.until(end());
    expect(await world.until(queue.list('ready'))).toMatchObject([{ payload: 'y', attempts: 0 }]);
    expect(await world.until(queue.purge())).toBe(1);
  });
});

it('QUEUE-6, QUEUE-21: of two acks the first one counts; one that comes too late leaves no lease behind', async () => {
  await inQueueWorld(async (world) => {
    const client = world.client({ ttlMs: 60_000 });
    const queue = client.conclave.queue('q');
    await world.until(queue.enqueueAll(['twice', 'late'], { keepResultMs: 60_000 }));
    const consumer = await world.until(queue.consumer());
    const [twice, late] = await world.until(Promise.all([consumer.take(), consumer.take()]));
    const acks = [twice.ack(1), twice.ack(2)].map((ack) => outcomeOf(ack));
    expect(await world.until(Promise.all(acks))).toMatchObject([{ value: undefined }, { error: { code: 'RELEASED' } }]);
    expect(await world.until(queue.result('1'))).toEqual({ state: 'done', result: 1 });
    const leases = async () => (await world.until(world.truth.leaseLeases())).leases.length;
    const before = await leases();
    client.store.delay('leaseGrant', { replyMs: 1_000 });
    const acked = outcomeOf(late.ack(3));
    await world.advance(100);
    expect(await leases()).toBe(before + 1);
    await world.until(late.nack());
    expect(await world.until(acked)).toMatchObject({ error: { code: 'RELEASED' } });
    await world.advance(100);
    expect(await leases()).toBe(before);
    await world.until(consumer.close());
    expect(await world.until(queue.purge())).toBe(1);
    await world.advance(65_000);
  });
});

it('QUEUE-11: whatever is thrown fails the job, though it has no text', async () => {
  await inQueueWorld(async (world) => {
    const queue = world.client({ ttlMs: 60_000 }).conclave.queue<number>('q', { maxAttempts: 1 });
    const thrown = [undefined, null, '', 0, Object.create(null), Symbol('no'), new Error('')];
    await world.until(queue.enqueueAll(thrown.map((_, i) => i)));
    const end = consuming(queue as never, ({ payload }) => {
      throw thrown[payload as number];
    });
    await world.advance(5_000);
    await world.until(end());
    expect((await world.until(queue.list('dead'))).map(({ reason }) => reason)).toEqual([
      'undefined',
      'null',
      'given back after its last attempt',
      '0',
      'what was thrown has no text',
      'Symbol(no)',
      'Error: ',
    ]);
    expect(await world.until(queue.purge())).toBe(thrown.length);
  });
});

describe('bad input', () => {
  it.each([
    ['a negative delay', { delayMs: -1 }],
    ['a delay that is none', { delayMs: Number.NaN }],
    ['an empty group', { group: '' }],
    ['a group that is no text', { group: 7 as never }],
    ['a half character for a group', { group: '\ud800' }],
    ['too short a time for results', { keepResultMs: 1 }],
    ['a priority out of range', { priority: 1_000 }],
    ['an empty dedupe key', { dedupeKey: '' }],
    ['a word for a full queue that is none', { whenFull: 'drop' as never }],
  ])('%s is refused', async (_, jobOptions) => {
    await inQueueWorld(async (world) => {
      expect(await errorOf(open(world).enqueue('x', jobOptions))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    });
  });

  it('so are ids that are none, 64-bit values, what is too large, a schema that is none, and acks twice', async () => {
    await inQueueWorld(async (world) => {
      const queue = open(world);
      const invalid = { code: 'INVALID_ARGUMENT' };
      expect(await errorOf(queue.enqueue(2n ** 63n))).toMatchObject(invalid);
      expect(await errorOf(queue.enqueue({ big: 2n ** 63n }))).toMatchObject(invalid);
      expect(await errorOf(queue.enqueue('x'.repeat(65 * 1024)))).toMatchObject(invalid);
      for (const id of ['', '-1', '1.5', 'x', '9007199254740993', 7 as never]) {
        for (const ask of ['cancel', 'redrive', 'result'] as const) {
          expect(await errorOf(queue[ask](id))).toMatchObject(invalid);
        }
      }
      expect(await world.until(queue.redrive('77'))).toBe(false);
      expect(await world.until(queue.cancel('77'))).toBe(false);
      expect(await world.until(queue.result('77'))).toEqual({ state: 'gone' });
      const { conclave } = world.client();
      expect(() => conclave.queue('q', { schema: {} as never })).toThrow(/Standard Schema/);
      expect(() => conclave.queue('')).toThrow(expect.objectContaining({ code: 'INVALID_NAME' }));
      await world.until(queue.enqueue('x'));
      const consumer = await world.until(queue.consumer());
      const job = await world.until(consumer.take());
      const twice = await world.until(Promise.allSettled([job.ack(), job.ack()]));
      expect(twice.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
      expect(await errorOf(job.ack())).toMatchObject({ code: 'RELEASED' });
      await world.until(consumer.close());
    });
  });

  it('so is a step of too many jobs, or too large a one: none of them is added', async () => {
    await inQueueWorld(async (world) => {
      const queue = open(world);
      const invalid = { code: 'INVALID_ARGUMENT', outcome: 'not-applied' };
      expect(await errorOf(queue.enqueueAll(Array.from({ length: 41 }, (_, i) => i)))).toMatchObject(invalid);
      const large = Array.from({ length: 20 }, () => 'x'.repeat(60 * 1024));
      expect(await errorOf(queue.enqueueAll(large))).toMatchObject(invalid);
      expect(await errorOf(queue.enqueueAll(['a', 1n]))).toMatchObject(invalid);
      expect(await world.keys('queues/')).toEqual([]);
      await world.until(queue.enqueueAll(large.slice(0, 16)));
      // Of one step: all came at once.
      expect(new Set((await world.keys('queues/q/jobs/')).map(({ createRevision }) => createRevision)).size).toBe(1);
      expect(await world.until(queue.purge())).toBe(16);
    });
  });

  it('a dead letter without a reason is refused, and the job stays in hand', async () => {
    await inQueueWorld(async (world) => {
      const queue = open(world);
      await world.until(queue.enqueue('x'));
      const consumer = await world.until(queue.consumer());
      const job = await world.until(consumer.take());
      for (const reason of ['', undefined as never]) {
        expect(await errorOf(job.dead(reason))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      }
      expect(job.held).toBe(true);
      await world.until(job.ack());
      await world.until(consumer.close());
    });
  });
});
