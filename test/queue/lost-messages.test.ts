import { describe, expect, it } from 'vitest';
import { anyCall } from '../support/faulty-store.js';
import type { Client, SimWorld } from '../support/sim-world.js';
import { below, consuming, inQueueWorld } from './support.js';

/** What a client does with a queue while its calls suffer; `calm` ends the scenario. */
type Scenario = (world: SimWorld, client: Client) => Promise<void>;

const producing: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs: 60_000 }).conclave.queue('q');
  const queue = conclave.queue('q');
  const ids: string[] = [];
  for (const payload of ['a', 'b']) {
    ids.push((await world.until(queue.enqueue(payload))).id);
    ids.push((await world.until(other.enqueue(`other ${payload}`))).id);
  }
  expect(ids).toEqual(['1', '2', '3', '4']);
  const consumer = await world.until(other.consumer());
  for (const payload of ['a', 'other a', 'b', 'other b']) {
    const job = await world.until(consumer.take());
    expect(job.payload).toBe(payload);
    await world.until(job.ack());
  }
  await world.until(consumer.close());
};

const consumingOne: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs: 60_000 }).conclave.queue('q');
  await world.until(other.enqueueAll(['a', 'b', 'c']));
  const consumer = await world.until(conclave.queue('q').consumer());
  const first = await world.until(consumer.take());
  expect([first.payload, first.attempt]).toEqual(['a', 1]);
  await world.until(first.nack());
  const taken: unknown[] = [];
  for (let i = 0; i < 3; i++) {
    const job = await world.until(consumer.take());
    taken.push(job.payload);
    await world.until(job.ack());
  }
  expect(taken).toEqual(['a', 'b', 'c']);
  const waiting = consumer.take();
  await world.advance(500);
  await world.until(other.enqueue('d'));
  const last = await world.until(waiting);
  expect(last.payload).toBe('d');
  await world.until(last.ack());
  await world.until(consumer.close());
};

const working: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs: 60_000 }).conclave.queue('q');
  const done: unknown[] = [];
  const ends = [conclave.queue('q'), other].map((queue) =>
    consuming(queue, (job) => done.push(job.payload), { concurrency: 2 }),
  );
  await world.until(Promise.all([1, 2, 3, 4, 5, 6].map((each) => conclave.queue('q').enqueue(each))));
  for (let i = 0; i < 200 && (await below(world, 'q/jobs/')).length > 0; i++) await world.advance(500);
  expect(done.sort()).toEqual([1, 2, 3, 4, 5, 6]);
  await world.until(Promise.all(ends.map((end) => end())));
};

const givingUp: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs: 60_000 }).conclave.queue('q');
  const consumer = await world.until(conclave.queue('q').consumer());
  const aborts = new AbortController();
  const taking = consumer.take({ signal: aborts.signal }).catch(() => {});
  await world.advance(20);
  const adding = other.enqueue('x');
  await world.advance(1);
  aborts.abort();
  await world.until(Promise.all([taking, adding]));
  await world.until(consumer.close());
  const next = await world.until(other.consumer());
  const job = await world.until(next.take());
  await world.until(job.ack());
  await world.until(next.close());
};

/** A group of three, the first of which fails once; progress, a result, and what is left is purged. */
const grouped: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs: 60_000 }).conclave.queue('q');
  const queue = conclave.queue('q');
  await world.until(queue.enqueueAll(['a', 'b'], { group: 'g', keepResultMs: 60_000 }));
  await world.until(other.enqueueAll(['c', 'd', 'e'], { group: 'g' }));
  const consumer = await world.until(queue.consumer());
  const first = await world.until(consumer.take());
  await world.until(first.updateProgress(1));
  await world.until(first.updateProgress(2));
  await world.until(first.retry({ delayMs: 100 }));
  const taken: unknown[] = [];
  for (let i = 0; i < 2; i++) {
    const job = await world.until(consumer.take());
    taken.push(job.payload, job.progress);
    await world.until(job.ack(i));
  }
  expect(taken).toEqual(['a', 2, 'b', undefined]);
  expect(await world.until(queue.result('2'))).toEqual({ state: 'done', result: 1 });
  const held = await world.until(consumer.take());
  expect(await world.until(queue.purge())).toBe(2);
  await world.until(held.ack());
  await world.until(consumer.close());
  await world.advance(60_000);
};

/** A dedupe key that goes from job to job: by a dead letter, its redrive, a cancel and an ack. */
const keyed: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs: 60_000 }).conclave.queue('q');
  const queue = conclave.queue('q');
  const dedupeKey = 'k';
  const consumer = await world.until(other.consumer());
  expect(await world.until(queue.enqueue('a', { dedupeKey }))).toEqual({ id: '1', duplicate: false });
  await world.until((await world.until(consumer.take())).dead('broken'));
  expect(await world.until(queue.enqueue('b', { dedupeKey, group: 'g', delayMs: 50_000 }))).toMatchObject({ id: '2' });
  expect(await world.until(queue.enqueue('c', { dedupeKey }))).toEqual({ id: '2', duplicate: true });
  expect(await world.until(queue.cancel('2'))).toBe(true);
  expect(await world.until(queue.redrive('1'))).toBe(true);
  expect(await world.until(queue.enqueue('d', { dedupeKey }))).toEqual({ id: '1', duplicate: true });
  const job = await world.until(consumer.take());
  expect([job.payload, job.attempt]).toEqual(['a', 1]);
  await world.until(job.ack());
  await world.advance(60_000);
  expect(await below(world, 'q/jobs/')).toEqual([]);
  await world.until(consumer.close());
};

/** Ticks of two processes, one of which suffers; what a schedule is said to be, and that it ends. */
const scheduled: Scenario = async (world, { conclave }) => {
  const other = world.client({ ttlMs: 60_000 }).conclave.queue('q');
  const queue = conclave.queue('q');
  const seen: number[] = [];
  const ends = [queue, other].map((each) => consuming(each, ({ tick }) => seen.push(tick?.atMs ?? 0)));
  await world.until(queue.schedule('s', { everyMs: 10_000, payload: 'x' }));
  await world.advance(15_000);
  await world.until(queue.schedule('s', { everyMs: 20_000, payload: 'y', overlap: 'skip' }));
  await world.advance(45_000);
  await world.until(ends[0]?.() ?? Promise.resolve());
  await world.advance(25_000);
  expect(await world.until(queue.unschedule('s'))).toBe(true);
  await world.advance(40_000);
  await world.until(ends[1]?.() ?? Promise.resolve());
  const startMs = Date.UTC(2025, 0, 1);
  const ticks = seen.map((atMs) => (atMs - startMs) / 1_000);
  expect(new Set(ticks).size).toBe(ticks.length);
  expect(ticks).toEqual([10, 20, 40, 60, 80].filter((tick) => ticks.includes(tick)));
  expect(ticks.length).toBeGreaterThanOrEqual(4);
};

const scenarios = { producing, consumingOne, working, givingUp };

/** Runs it again and again, each time with the next call hit, until there is no call left to hit. */
async function hitEachOf(scenario: Scenario, plant: (client: Client, skip: number) => void): Promise<void> {
  let k = 0;
  for (let hit = true; hit && k < 300; k++) {
    await inQueueWorld(async (world) => {
      const client = world.client({ ttlMs: 60_000 });
      plant(client, k);
      await scenario(world, client);
      hit = client.store.pendingFaults === 0;
      await world.advance(60_000);
      expect(client.store.inFlight).toBe(0);
    });
  }
  expect(k).toBeGreaterThan(2);
  expect(k).toBeLessThan(300);
}

it('QUEUE-10, QUEUE-18, QUEUE-19, QUEUE-20, QUEUE-21: the same of groups, progress, results, purge', async () => {
  await hitEachOf(grouped, ({ store }, skip) => store.loseReply(anyCall, skip));
  await hitEachOf(grouped, ({ store }, skip) => store.applyLate(anyCall, 3_000, skip));
});

it('QUEUE-3, QUEUE-10, QUEUE-15: the same of dedupe keys, redrives and cancels', async () => {
  await hitEachOf(keyed, ({ store }, skip) => store.loseReply(anyCall, skip));
  await hitEachOf(keyed, ({ store }, skip) => store.applyLate(anyCall, 3_000, skip));
  await hitEachOf(keyed, ({ store }, skip) => store.applyLate(anyCall, 30_000, skip));
});

it('QUEUE-10, QUEUE-23: the same of schedules: no tick twice', async () => {
  await hitEachOf(scheduled, ({ store }, skip) => store.loseReply(anyCall, skip));
  await hitEachOf(scheduled, ({ store }, skip) => store.applyLate(anyCall, 8_000, skip));
});

describe.each(Object.entries(scenarios))('the scenario "%s"', (_, scenario) => {
  const hitEach = (plant: (client: Client, skip: number) => void) => hitEachOf(scenario, plant);

  it.each(['loseRequest', 'loseReply'] as const)(
    'QUEUE-3, QUEUE-10: gives the same outcome when any one call suffers %s',
    async (fault) => {
      await hitEach(({ store }, skip) => store[fault](anyCall, skip));
    },
  );

  it.each([10, 3_000, 30_000])(
    'QUEUE-3, QUEUE-10: and when any one call is applied %s ms after it was given up',
    async (afterMs) => {
      await hitEach(({ store }, skip) => store.applyLate(anyCall, afterMs, skip));
    },
  );

  it('QUEUE-3, QUEUE-10: and when the transport sends any one call twice', async () => {
    await hitEach(({ store }, skip) => store.duplicate(anyCall, 0, skip));
  });
});
