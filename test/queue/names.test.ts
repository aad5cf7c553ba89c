import { expect, it } from 'vitest';
import { inQueueWorld } from './support.js';

const folders = [
  'jobs',
  'ready',
  'ready/1000',
  'delayed',
  'waiting',
  'taken',
  'dead',
  'slots',
  'idle',
  'keepers',
  'gone',
];

it('QUEUE-1: a queue whose name goes on where another one’s folders are is a queue of its own', async () => {
  await inQueueWorld(async (world) => {
    const { conclave } = world.client({ ttlMs: 60_000 });
    const outer = conclave.queue('q');
    const names = folders.flatMap((folder) => [`q/${folder}`, `q%2F${folder}`]);
    for (const name of names) await world.until(conclave.queue(name).enqueue(name));
    const none = { ready: 0, delayed: 0, waiting: 0, claimed: 0, dead: 0, paused: false, oldestMs: undefined };
    expect(await world.until(outer.stats())).toEqual(none);
    const consumer = await world.until(outer.consumer());
    const taking = consumer.take().catch(() => 'nothing');
    await world.advance(30_000);
    expect(await world.until(outer.purge())).toBe(0);
    await world.until(consumer.close());
    expect(await taking).toBe('nothing');
    for (const name of names) {
      const inner = conclave.queue(name);
      expect((await world.until(inner.list('ready'))).map(({ payload }) => payload)).toEqual([name]);
      expect(await world.until(inner.purge())).toBe(1);
    }
  });
});
