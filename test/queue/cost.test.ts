import { expect, it } from 'vitest';
import { folderPrefix } from '../../src/line/context.js';
import { QueueKeys } from '../../src/queue/keys.js';
import { settingsOf } from '../../src/queue/options.js';
import { tick } from '../../src/queue/tick.js';
import { inQueueWorld } from './support.js';

it('costs what the README says: groups, progress, results, purges, schedules and ticks', async () => {
  await inQueueWorld(async (world) => {
    const client = world.client({ ttlMs: 60_000 });
    const { store, context, conclave } = client;
    const queue = conclave.queue<unknown>('q');
    const costOf = async (work: () => Promise<unknown>) => {
      const { txn, range, leaseGrant } = store.counts;
      await world.until(work());
      return [store.counts.txn + store.counts.range - txn - range, store.counts.leaseGrant - leaseGrant];
    };
    await world.until(queue.enqueueAll(['a', 'b'], { group: 'g' }));
    await world.until(queue.enqueue('result', { keepResultMs: 60_000 }));
    const consumer = await world.until(queue.consumer());
    const [a, result] = [await world.until(consumer.take()), await world.until(consumer.take())];
    expect(await costOf(() => a.updateProgress(1))).toEqual([1, 0]);
    // A settling, and a look and a txn that bring the next one forward.
    expect(await costOf(() => a.ack())).toEqual([3, 0]);
    const b = await world.until(consumer.take());
    // A settling, and a look that finds nobody.
    expect(await costOf(() => b.ack())).toEqual([2, 0]);
    expect(await costOf(() => result.ack({ done: true }))).toEqual([1, 1]);
    await world.until(queue.enqueueAll(Array.from({ length: 40 }, (_, i) => i)));
    // The tail first, then a look at the keys, one at the jobs and the removal per twenty, and the end.
    expect(await costOf(() => queue.purge({ states: ['ready'] }))).toEqual([2 + 2 * 3, 0]);
    const { id } = await world.until(queue.enqueue('gone', { delayMs: 60_000 }));
    expect(await costOf(() => queue.cancel(id))).toEqual([3, 0]);
    const failed = await world.until(queue.enqueue('failed'));
    await world.until((await world.until(consumer.take())).retry({ delayMs: 60_000 }));
    // It is found among those that wait for their time.
    expect(await costOf(() => queue.cancel(failed.id))).toEqual([4, 0]);
    await world.until(consumer.close());
    const options = { everyMs: 5_000, payload: 'x' };
    expect(await costOf(() => queue.schedule('s', options))).toEqual([2, 0]);
    expect(await costOf(() => queue.schedule('s', options))).toEqual([1, 0]);
    const keys = new QueueKeys(folderPrefix(context, 'queues', 'q'));
    const site = { context, session: context.sessions.current, keys, settings: settingsOf({}) };
    const [kv] = await world.keys('queues/q/schedules/');
    if (kv === undefined) throw new Error('no schedule');
    await world.advance(6_000);
    expect(await costOf(() => tick(site, kv, new AbortController().signal))).toEqual([2, 0]);
    await world.until(queue.unschedule('s'));
    await world.until(queue.purge());
    await world.advance(60_000);
  });
});

it('QUEUE-17: costs what the README says: enqueueing, claims, settlings, pauses; watches and keys', async () => {
  await inQueueWorld(async (world) => {
    const { store, conclave, context } = world.client({ ttlMs: 60_000 });
    const queue = conclave.queue('q');
    const costOf = async (work: () => Promise<unknown>) => {
      const { txn, range } = store.counts;
      const keys = (await world.keys('queues/')).length;
      await world.until(work());
      return [store.counts.txn + store.counts.range - txn - range, (await world.keys('queues/')).length - keys];
    };
    // A look at the end first, which there is none of yet.
    expect(await costOf(() => queue.enqueue('first'))).toEqual([2, 3]);
    expect(await costOf(() => queue.enqueue('second'))).toEqual([1, 2]);
    expect(await costOf(() => queue.enqueueAll(['third', 'fourth']))).toEqual([1, 4]);
    await world.until(context.sessions.current.open());
    const watches = store.counts.watch;
    const consumer = await world.until(queue.consumer());
    const job = await world.until(consumer.take());
    // Its ticket has moved, from ready to taken; the slot is there.
    expect(await costOf(async () => (await consumer.take()).nack())).toEqual([1 + 1 + 1, 1]);
    expect(await costOf(() => job.nack())).toEqual([1, 0]);
    expect(await costOf(async () => (await consumer.take()).ack())).toEqual([3, -2 + 2]);
    const taken = await world.until(Promise.all([consumer.take(), consumer.take(), consumer.take()]));
    expect(await costOf(() => Promise.all(taken.map((each) => each.ack())))).toEqual([3, -6]);
    const idle = consumer.take({ timeoutMs: 1_000 }).catch(() => {});
    await world.advance(500);
    // On its slots; of the keeper three; two in the idle line.
    expect(store.counts.watch - watches).toBe(1 + 3 + 2);
    await world.until(idle);
    const awaited = consumer.take();
    await world.advance(500);
    const comes = async () => (await Promise.all([awaited, queue.enqueue('comes')]))[0].ack();
    // Whoever is idle claims what it hears of with its first request, which takes its place in the idle line away.
    expect(await costOf(comes)).toEqual([1 + 1 + 1, -1]);
    expect(await costOf(() => queue.pause())).toEqual([2, 2]);
    expect(await costOf(() => queue.resume())).toEqual([2, -1]);
    await world.until(consumer.close());
  });
});

it('QUEUE-17: those who come together add in one request, whoever has said the name of the queue', async () => {
  await inQueueWorld(async (world) => {
    const { store, conclave } = world.client({ ttlMs: 60_000 });
    await world.until(conclave.queue('q').enqueue('first'));
    const before = store.counts.txn;
    const adding = Array.from({ length: 40 }, (_, i) => conclave.queue('q', { maxJobs: i < 20 ? 30 : 5 }).enqueue(i));
    const results = await world.until(Promise.allSettled(adding));
    // Each by its own limits; one look when it seems full to some of them.
    expect(results.map(({ status }) => status === 'fulfilled')).toEqual(results.map((_, i) => i < 20));
    expect(store.counts.txn - before).toBe(2);
    expect(await world.until(conclave.queue('q').purge())).toBe(21);
  });
});

it('QUEUE-14: however many producers of one process wait for room, they watch once', async () => {
  await inQueueWorld(async (world) => {
    const { store, conclave } = world.client({ ttlMs: 60_000 });
    const queue = conclave.queue('q', { maxJobs: 1 });
    await world.until(queue.enqueue(0));
    const anew = () => conclave.queue('q', { maxJobs: 1 });
    const waiting = [1, 2, 3, 4, 5].map((each) => anew().enqueue(each, { whenFull: 'wait' }));
    await world.advance(100);
    expect(store.openWatches).toBe(1);
    const consumer = await world.until(queue.consumer());
    const seen: unknown[] = [];
    for (let i = 0; i < 6; i++) {
      const job = await world.until(consumer.take());
      seen.push(job.payload);
      await world.until(job.ack());
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
    await world.until(Promise.all(waiting));
    await world.until(consumer.close());
  });
});
