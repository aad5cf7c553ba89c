import { expect, it } from 'vitest';
import { linePrefix } from '../../src/line/context.js';
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
    await world.until(consumer.close());
    const options = { everyMs: 5_000, payload: 'x' };
    expect(await costOf(() => queue.schedule('s', options))).toEqual([2, 0]);
    expect(await costOf(() => queue.schedule('s', options))).toEqual([1, 0]);
    const keys = new QueueKeys(linePrefix(context, 'queues', 'q'));
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
