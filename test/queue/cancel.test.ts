import { expect, it } from 'vitest';
import type { TxnRequest } from '../../src/store/messages.js';
import { remove } from '../../src/store/ops.js';
import { errorOf, outcomeOf, type SimWorld } from '../support/sim-world.js';
import { below, inQueueWorld } from './support.js';

const hourMs = 3_600_000;

const isRemoval = (name: string, request: unknown) =>
  name === 'txn' && (request as TxnRequest).success?.some(({ type }) => type === 'deleteRange') === true;

async function openAll(world: SimWorld) {
  const queue = world.client({ ttlMs: 60_000 }).conclave.queue<string>('q');
  return { queue, consumer: await world.until(queue.consumer()) };
}

it('QUEUE-13: a job that is cancelled is gone at once, and its ticket with it, whatever its state', async () => {
  await inQueueWorld(async (world) => {
    const { queue, consumer } = await openAll(world);
    await world.until(queue.enqueueAll(['dead', 'failed', 'back', 'claimed']));
    const [dead, failed, back] = await world.until(Promise.all([consumer.take(), consumer.take(), consumer.take()]));
    await world.until(dead.dead('broken'));
    await world.until(failed.retry({ delayMs: hourMs }));
    const claimed = await world.until(consumer.take());
    await world.until(back.nack());
    await world.until(queue.enqueue('ready', { priority: -7 }));
    await world.until(queue.enqueue('delayed', { delayMs: hourMs }));
    await world.until(queue.enqueueAll(['group', 'waiting'], { group: 'g', delayMs: 0 }));
    expect(await world.until(queue.stats())).toMatchObject({ ready: 3, delayed: 2, waiting: 1, claimed: 1, dead: 1 });
    const states = ['dead', 'delayed', 'ready', 'claimed', 'ready', 'delayed', 'ready', 'waiting'] as const;
    // From the last one on, so that nobody of the group is brought forward.
    for (const [i, state] of [...states.entries()].reverse()) {
      const { [state]: count } = await world.until(queue.stats());
      expect(await world.until(queue.cancel(`${i + 1}`))).toBe(true);
      expect((await world.until(queue.stats()))[state]).toBe(count - 1);
    }
    const none = { ready: 0, delayed: 0, waiting: 0, claimed: 0, dead: 0, oldestMs: undefined };
    expect(await world.until(queue.stats())).toMatchObject(none);
    await world.advance(100);
    expect(claimed.signal.reason).toMatchObject({ code: 'LOST' });
    await world.until(consumer.close());
  });
});

it('QUEUE-18: a group goes on when the job that holds it up is cancelled', async () => {
  await inQueueWorld(async (world) => {
    const { queue, consumer } = await openAll(world);
    await world.until(queue.enqueueAll(['a', 'b', 'c'], { group: 'g' }));
    await world.until((await world.until(consumer.take())).retry({ delayMs: hourMs }));
    await world.until(queue.cancel('1'));
    const next = await world.until(consumer.take());
    expect(next.payload).toBe('b');
    await world.until(next.nack());
    await world.until(queue.pause());
    await world.until(queue.cancel('2'));
    expect((await world.until(queue.peek()))?.payload).toBe('c');
    await world.until(queue.resume());
    await world.until((await world.until(consumer.take())).ack());
    await world.until(consumer.close());
  });
});

it('tells of as many jobs as asked for, though others have gone; refuses what is no state', async () => {
  await inQueueWorld(async (world) => {
    const { queue, consumer } = await openAll(world);
    await world.until(consumer.close());
    await world.until(queue.enqueueAll(['a', 'b', 'c', 'd']));
    // As an older version cancelled: the ticket stays, and is dropped by whoever meets it.
    for (const key of (await below(world, 'q/jobs/')).slice(0, 2))
      await world.until(world.truth.txn({ success: [remove(key)] }));
    expect((await world.until(queue.peek()))?.payload).toBe('c');
    expect((await world.until(queue.list('ready', { limit: 2 }))).map(({ payload }) => payload)).toEqual(['c', 'd']);
    for (const refused of [queue.list('lost' as never), queue.list('ready', { limit: 0 })]) {
      expect(await errorOf(refused)).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    expect(await world.until(queue.purge())).toBe(2);
  });
});

it('QUEUE-13: tells whether it was this cancel that took the job away, whatever becomes of its request', async () => {
  await inQueueWorld(async (world) => {
    const { queue, consumer } = await openAll(world);
    const { conclave, store } = world.client({ ttlMs: 60_000 });
    const cancelling = conclave.queue('q');
    await world.until(queue.enqueueAll(['done', 'lost', 'done after all', 'cancelled', 'beside']));
    const faults = [
      () => store.delay(isRemoval, { requestMs: 1_000 }),
      () => store.loseReply(isRemoval),
      () => store.loseRequest(isRemoval),
      () => store.loseReply(isRemoval),
    ];
    for (const [i, fault] of faults.entries()) {
      fault();
      const cancelled = outcomeOf(cancelling.cancel(`${i + 1}`));
      await world.advance(10);
      if (i === 0 || i === 2) await world.until((await world.until(consumer.take())).ack());
      if (i === 3) await world.until(queue.cancel('5'));
      expect(await world.until(cancelled)).toMatchObject(
        i === 3 ? { error: { code: 'UNAVAILABLE', outcome: 'unknown' } } : { value: i === 1 },
      );
      expect(store.pendingFaults).toBe(0);
    }
    expect(await below(world, 'q/jobs/')).toEqual([]);
    await world.until(consumer.close());
  });
});
