import { describe, expect, it } from 'vitest';
import { anyCall } from '../support/faulty-store.js';
import { outcomeOf, type SimWorld } from '../support/sim-world.js';
import { below, consuming, inQueueWorld } from './support.js';

const options = { maxAttempts: 2, backoff: { firstMs: 1_000, mostMs: 60_000 } };

function open(world: SimWorld, ttlMs = 60_000) {
  return world.client({ ttlMs }).conclave.queue('q', options);
}

async function groupKeys(world: SimWorld): Promise<string[]> {
  return (await Promise.all(['q/waiting/', 'q/busy/', 'q/vacant/'].map((folder) => below(world, folder)))).flat();
}

describe('jobs of one group', () => {
  it('QUEUE-18: are done one at a time and in order, those of other groups beside them', async () => {
    await inQueueWorld(async (world) => {
      const queue = open(world);
      const running = new Set<string>();
      const done: string[] = [];
      let together = 0;
      const ends = [1, 2, 3].map(() =>
        consuming(
          open(world),
          async (job) => {
            const name = job.group ?? '';
            expect(running.has(name)).toBe(false);
            running.add(name);
            together = Math.max(together, running.size);
            await new Promise<void>((resolve) => world.sim.setTimer(500, resolve));
            running.delete(name);
            done.push(String(job.payload));
          },
          { concurrency: 3 },
        ),
      );
      await world.until(queue.enqueueAll(['a1', 'a2', 'a3'], { group: 'a/x' }));
      await world.until(queue.enqueueAll(['b1', 'b2'], { group: 'b', priority: 5 }));
      await world.until(queue.enqueue('a4', { group: 'a/x', priority: 9 }));
      expect(await world.until(queue.stats())).toMatchObject({ waiting: 4 });
      expect((await world.until(queue.list('waiting'))).map(({ payload }) => payload)).toEqual([
        'a2',
        'a3',
        'a4',
        'b2',
      ]);
      await world.advance(5_000);
      expect(done.filter((each) => each.startsWith('a'))).toEqual(['a1', 'a2', 'a3', 'a4']);
      expect(done.filter((each) => each.startsWith('b'))).toEqual(['b1', 'b2']);
      expect(together).toBe(2);
      await world.until(Promise.all(ends.map((end) => end())));
      expect(await groupKeys(world)).toEqual([]);
    });
  });

  it('QUEUE-18: wait for one that fails, until it is done or dead; a delayed one joins when it is due', async () => {
    await inQueueWorld(async (world) => {
      const queue = open(world);
      const seen: [unknown, number][] = [];
      await world.until(queue.enqueue('late', { group: 'g', delayMs: 20_000 }));
      await world.until(queue.enqueueAll(['bad', 'good'], { group: 'g' }));
      const end = consuming(queue, (job) => {
        seen.push([job.payload, job.attempt]);
        if (job.payload === 'bad') throw new Error('no');
      });
      await world.advance(300);
      expect(seen).toEqual([['bad', 1]]);
      await world.advance(2_000);
      expect(seen).toEqual([
        ['bad', 1],
        ['bad', 2],
        ['good', 1],
      ]);
      await world.advance(20_000);
      expect(seen.at(-1)).toEqual(['late', 1]);
      const [dead] = await world.until(queue.list('dead'));
      expect(await world.until(queue.redrive(dead?.id ?? ''))).toBe(true);
      await world.advance(100);
      expect(seen.at(-1)).toEqual(['bad', 1]);
      expect(await world.until(queue.cancel(dead?.id ?? ''))).toBe(true);
      await world.advance(5_000);
      await world.until(end());
      expect(await groupKeys(world)).toEqual([]);
    });
  });

  it('QUEUE-18, QUEUE-7: go on when their consumer dies, or settles and dies before it brings the next', async () => {
    await inQueueWorld(async (world) => {
      const queue = open(world);
      await world.until(queue.enqueueAll(['x', 'y', 'z'], { group: 'g' }));
      const first = await world.until(open(world).consumer());
      const job = await world.until(first.take());
      await world.until(world.truth.leaseRevoke({ id: job.leaseId }));
      const second = await world.until(open(world).consumer());
      const again = await world.until(second.take());
      expect([again.payload, again.attempt]).toEqual(['x', 2]);
      // Its last attempt: whoever lays it aside lets go of the group.
      await world.until(world.truth.leaseRevoke({ id: again.leaseId }));
      const dying = world.client({ ttlMs: 2_000 });
      const third = await world.until(dying.conclave.queue('q', options).consumer());
      const y = await world.until(third.take());
      expect(y.payload).toBe('y');
      // Only the settling gets through.
      dying.store.partitionAt(anyCall, 1);
      const settling = outcomeOf(y.ack());
      await world.advance(100);
      expect(await below(world, 'q/vacant/')).toEqual(['queues/q/vacant/g']);
      const last = await world.until(open(world).consumer());
      const z = await world.until(last.take());
      expect([z.payload, z.attempt]).toEqual(['z', 1]);
      await world.until(settling);
      await world.until(z.ack());
      await world.until(queue.cancel('1'));
      dying.store.heal();
      await world.until(Promise.all([first, second, third, last].map((consumer) => consumer.close())));
      expect(await groupKeys(world)).toEqual([]);
    });
  });
});

describe('purge', () => {
  it('QUEUE-19: takes away what is in nobody’s hands, and makes room', async () => {
    await inQueueWorld(async (world) => {
      const queue = world.client({ ttlMs: 60_000 }).conclave.queue('q', { ...options, maxJobs: 70 });
      await world.until(queue.enqueueAll(Array.from({ length: 40 }, (_, i) => i)));
      await world.until(queue.enqueueAll([1, 2, 3, 4, 5], { group: 'g' }));
      await world.until(queue.enqueueAll([1, 2, 3], { group: 'h', delayMs: 1_000 }));
      await world.until(queue.enqueue('dedupe', { dedupeKey: 'd', priority: -1 }));
      const consumer = await world.until(queue.consumer());
      const job = await world.until(consumer.take());
      await world.until(job.dead('broken'));
      const held = await world.until(consumer.take());
      await world.until(queue.cancel('3'));
      await world.until(queue.pause());
      expect(await world.until(queue.purge({ states: ['delayed'] }))).toBe(3);
      expect(await world.until(queue.purge())).toBe(40 + 5 + 1 - 2);
      expect(await world.until(queue.stats())).toMatchObject({
        ready: 0,
        waiting: 0,
        claimed: 1,
        dead: 0,
        paused: true,
      });
      await world.until(queue.resume());
      await world.until(held.ack());
      await world.until(consumer.close());
      expect(await groupKeys(world)).toEqual([]);
      // All of its room is there again, and the dedupe key is free.
      await world.until(queue.enqueueAll(Array.from({ length: 40 }, () => 'x')));
      await world.until(queue.enqueueAll(Array.from({ length: 29 }, () => 'x')));
      expect((await world.until(queue.enqueue('dedupe', { dedupeKey: 'd' }))).duplicate).toBe(false);
      await expect(world.until(queue.enqueue('one too many'))).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
      expect(await world.until(queue.purge())).toBe(70);
      await expect(world.until(queue.purge({ states: ['claimed'] }))).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    });
  });

  it('QUEUE-19: beside consumers: each job is done or purged, and none is counted twice', async () => {
    await inQueueWorld(async (world) => {
      const queue = open(world);
      for (let i = 0; i < 5; i++) await world.until(queue.enqueueAll(Array.from({ length: 40 }, (_, n) => n)));
      let done = 0;
      const ends = [1, 2].map(() => consuming(open(world), () => (done += 1), { concurrency: 4 }));
      const purged = await world.until(queue.purge());
      await world.advance(30_000);
      await world.until(Promise.all(ends.map((end) => end())));
      expect(done + purged).toBe(200);
      expect(await below(world, 'q/jobs/')).toEqual([]);
    });
  });
});
