import { expect, it } from 'vitest';
import type { TxnRequest } from '../../src/store/messages.js';
import { errorOf, type SimWorld } from '../support/sim-world.js';
import { below, inQueueWorld } from './support.js';

const dedupeKey = 'a/b';

function open(world: SimWorld, options = {}) {
  const client = world.client({ ttlMs: 60_000 });
  return { client, queue: client.conclave.queue('q', options) };
}

it('QUEUE-15: a dead letter lets go of its key; a redrive takes it again, unless another job has it', async () => {
  await inQueueWorld(async (world) => {
    const { queue } = open(world);
    await world.until(queue.enqueue('first', { dedupeKey }));
    const consumer = await world.until(queue.consumer());
    await world.until((await world.until(consumer.take())).dead('broken'));
    expect(await world.until(queue.enqueue('second', { dedupeKey }))).toEqual({ id: '2', duplicate: false });
    expect(await errorOf(world.until(queue.redrive('1')))).toMatchObject({ code: 'CONFLICT', outcome: 'not-applied' });
    expect(await world.until(queue.stats())).toMatchObject({ ready: 1, dead: 1 });
    await world.until((await world.until(consumer.take())).ack());
    expect(await world.until(queue.redrive('1'))).toBe(true);
    expect(await world.until(queue.enqueue('third', { dedupeKey }))).toEqual({ id: '1', duplicate: true });
    const again = await world.until(consumer.take());
    expect([again.payload, again.attempt]).toEqual(['first', 1]);
    await world.until(again.ack());
    await world.until(consumer.close());
    expect(await below(world, 'q/dedupe/')).toEqual([]);
  });
});

it('QUEUE-15: a dead letter of lost consumers lets go, too; what takes it away leaves the key to others', async () => {
  await inQueueWorld(async (world) => {
    const { queue } = open(world, { maxAttempts: 1 });
    await world.until(queue.enqueue('first', { dedupeKey }));
    const other = await world.until(open(world).queue.consumer());
    const lost = await world.until(other.take());
    await world.until(world.truth.leaseRevoke({ id: lost.leaseId }));
    const consumer = await world.until(queue.consumer());
    await world.advance(1_000);
    expect(await world.until(queue.stats())).toMatchObject({ dead: 1 });
    for (const [id, goes] of [
      ['2', () => queue.cancel('1')],
      ['3', () => queue.purge({ states: ['dead'] })],
    ] as const) {
      expect(await world.until(queue.enqueue('next', { dedupeKey }))).toEqual({ id, duplicate: false });
      await world.until<unknown>(goes());
      expect(await world.until(queue.enqueue('next', { dedupeKey }))).toEqual({ id, duplicate: true });
      await world.until((await world.until(consumer.take())).dead('broken'));
    }
    await world.until(consumer.close());
    await world.until(other.close());
    expect(await world.until(queue.purge())).toBe(1);
    expect(await below(world, 'q/dedupe/')).toEqual([]);
  });
});

it('QUEUE-14, QUEUE-15: a full queue tells of the job that has the key', async () => {
  await inQueueWorld(async (world) => {
    const small = { maxJobs: 1 };
    const { queue } = open(world, small);
    await world.until(queue.enqueue('x', { dedupeKey }));
    for (const each of [queue, open(world, small).queue]) {
      expect(await world.until(each.enqueue('x', { dedupeKey }))).toEqual({ id: '1', duplicate: true });
      expect(await world.until(each.enqueue('x', { dedupeKey, whenFull: 'wait' }))).toMatchObject({ duplicate: true });
      expect(await errorOf(world.until(each.enqueue('y', { dedupeKey: 'other' })))).toMatchObject({
        code: 'RESOURCE_EXHAUSTED',
      });
    }
    expect(await world.until(queue.purge())).toBe(1);
  });
});

const comparing = (count: number) => (name: string, request: unknown) =>
  name === 'txn' && (request as TxnRequest).compare?.length === count;
/** A step of jobs, guarded by the end and a dedupe key; and one of none. */
const [isStep, isPass] = [comparing(2), comparing(1)];

it('QUEUE-3: a request that comes late adds nothing for one who was told of another job', async () => {
  await inQueueWorld(async (world) => {
    const { queue } = open(world);
    const late = open(world);
    await world.until(queue.enqueue('first', { dedupeKey }));
    // Its own look at the end is behind it.
    await world.until(late.queue.enqueue('plain'));
    late.client.store.applyLate(isStep, 5_000);
    expect(await world.until(late.queue.enqueue('second', { dedupeKey }))).toEqual({ id: '1', duplicate: true });
    expect(late.client.store.pendingFaults).toBe(0);
    const consumer = await world.until(queue.consumer());
    for (const payload of ['first', 'plain']) {
      const job = await world.until(consumer.take());
      expect(job.payload).toBe(payload);
      await world.until(job.ack());
    }
    await world.advance(10_000);
    expect(await below(world, 'q/jobs/')).toEqual([]);
    await world.until(consumer.close());
  });
});

it('QUEUE-3: one that comes late before it is shut out has added its job, and its caller is told so', async () => {
  await inQueueWorld(async (world) => {
    const { queue } = open(world);
    const late = open(world);
    await world.until(queue.enqueue('first', { dedupeKey }));
    await world.until(late.queue.enqueue('plain'));
    late.client.store.applyLate(isStep, 1_000);
    late.client.store.delay(isPass, { requestMs: 3_000 });
    const adding = late.queue.enqueue('second', { dedupeKey });
    await world.advance(500);
    expect(await world.until(queue.cancel('1'))).toBe(true);
    expect(await world.until(adding)).toEqual({ id: '3', duplicate: false });
    expect(await world.until(queue.purge())).toBe(2);
  });
});
