import { expect, it } from 'vitest';
import { utf8Text } from '../../src/core/bytes.js';
import { errorOfStatus, etcdErrors } from '../../src/store/etcd-errors.js';
import type { TxnRequest } from '../../src/store/messages.js';
import { type Client, errorOf, type SimWorld } from '../support/sim-world.js';
import { below, inQueueWorld, isSettling } from './support.js';

const noSpace = () => errorOfStatus(etcdErrors.noSpace.status, etcdErrors.noSpace.text);

const isClaim = (name: string, request: unknown) =>
  name === 'txn' && (request as TxnRequest).success?.[0]?.type === 'txn';

const isLook = (name: string, request: unknown) => {
  const [op] = (name === 'txn' && (request as TxnRequest).success) || [];
  return op?.type === 'range' && utf8Text(op.request.key).startsWith('queues/q/ready/');
};

/** The store says of a request that it has no room for it, and carries it out or not. */
function refuse({ store }: Client, match: typeof isClaim, applied: 'applied' | 'not applied'): void {
  if (applied === 'applied') store.loseReply(match);
  // It is asked once more.
  for (let i = 0; i < 2; i++) store.refuse(match, noSpace());
}

async function open(world: SimWorld) {
  const client = world.client({ ttlMs: 60_000 });
  const queue = client.conclave.queue('q');
  return { client, queue, consumer: await world.until(queue.consumer()) };
}

it('QUEUE-10: who stood in line when its look was refused stands in nobody’s way', async () => {
  await inQueueWorld(async (world) => {
    const [first, second] = [await open(world), await open(world)];
    const waiting = first.consumer.take();
    while ((await below(world, 'q/idle/')).length < 1) await world.advance(1);
    const refused = errorOf(second.consumer.take());
    while ((await below(world, 'q/idle/')).length < 2) await world.advance(1);
    refuse(second.client, isLook, 'not applied');
    const alike = errorOf(second.consumer.take());
    expect(await world.until(Promise.all([refused, alike]))).toMatchObject(
      Array(2).fill({ code: 'RESOURCE_EXHAUSTED' }),
    );
    await world.until(second.queue.enqueue('a'));
    await world.until((await world.until(waiting)).ack());
    await world.until(first.consumer.close());
    const again = second.consumer.take();
    await world.advance(1_000);
    await world.until(first.queue.enqueue('b'));
    await world.advance(1_000);
    expect(await below(world, 'q/taken/')).toHaveLength(1);
    await world.until((await world.until(again)).ack());
    await world.until(second.consumer.close());
  });
});

it.each(['applied', 'not applied'] as const)(
  'QUEUE-10: a claim that found no room, %s, leaves no job in hands that do not know of it',
  (applied) =>
    inQueueWorld(async (world) => {
      const { client, queue, consumer } = await open(world);
      await world.until(queue.enqueue('x'));
      refuse(client, isClaim, applied);
      expect(await world.until(errorOf(consumer.take()))).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
      const again = consumer.take();
      await world.advance(15_000);
      const job = await world.until(again);
      expect(job.payload).toBe('x');
      await world.until(job.ack());
      await world.until(consumer.close());
    }),
);

it.each(['applied', 'not applied'] as const)(
  'QUEUE-10: a job whose settling found no room, %s, stays in nobody’s hands',
  (applied) =>
    inQueueWorld(async (world) => {
      const { client, queue, consumer } = await open(world);
      await world.until(queue.enqueue('x'));
      const job = await world.until(consumer.take());
      refuse(client, isSettling, applied);
      expect(await world.until(errorOf(job.ack()))).toMatchObject({ code: 'RESOURCE_EXHAUSTED', outcome: 'unknown' });
      const again = consumer.take();
      again.catch(() => {});
      await world.advance(15_000);
      expect((await below(world, 'q/taken/')).length).toBe(applied === 'applied' ? 0 : 1);
      expect((await below(world, 'q/jobs/')).length).toBe(applied === 'applied' ? 0 : 1);
      if (applied === 'not applied') {
        const later = await world.until(again);
        expect(later.attempt).toBe(2);
        await world.until(later.ack());
      }
      await world.until(consumer.close());
    }),
);
