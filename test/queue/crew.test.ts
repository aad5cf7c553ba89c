import { expect, it } from 'vitest';
import { utf8Text } from '../../src/core/bytes.js';
import { folderPrefix } from '../../src/line/context.js';
import { type ClaimSite, claimRound, readFront } from '../../src/queue/claim.js';
import { Floors } from '../../src/queue/floors.js';
import type { Job } from '../../src/queue/job.js';
import { QueueKeys } from '../../src/queue/keys.js';
import { settingsOf } from '../../src/queue/options.js';
import { Slots } from '../../src/queue/slot.js';
import { remove } from '../../src/store/ops.js';
import { errorOf, type SimWorld } from '../support/sim-world.js';
import { below, consuming, inQueueWorld } from './support.js';

function open(world: SimWorld, ttlMs = 60_000) {
  const client = world.client({ ttlMs });
  return { client, queue: client.conclave.queue<unknown>('q') };
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

it('QUEUE-17: consumers of one process claim together: requests, watches and places of one of them', async () => {
  await inQueueWorld(async (world) => {
    const { client, queue } = open(world);
    const { counts } = client.store;
    const seen: unknown[] = [];
    const before = { ...counts };
    const ends = numbers(16).map(() => consuming(queue, ({ payload }) => seen.push(payload)));
    await world.advance(1_000);
    const watches = () => counts.watch - before.watch;
    const [atRest, places] = [watches(), await below(world, 'q/idle/')];
    expect([places.length, (await below(world, 'q/keepers/')).length]).toEqual([1, 1]);
    await world.until(queue.enqueueAll(numbers(40)));
    const start = counts.txn + counts.range;
    for (let i = 0; seen.length < 40; i++) {
      if (i > 1_000) throw new Error(`${seen.length} of 40 jobs done`);
      await world.advance(1);
    }
    expect(seen).toEqual(numbers(40));
    await world.advance(1_000);
    // 40 settlings, and a few claims of up to 16.
    expect(counts.txn + counts.range - start).toBeLessThan(40 + 15);
    expect((await below(world, 'q/idle/')).length).toBe(1);
    await world.until(Promise.all(ends.map((end) => end())));
    expect(atRest).toBeLessThanOrEqual(8);
  });
});

it('QUEUE-17: many idle consumers of one process are woken by a job once, and each takes its own', async () => {
  await inQueueWorld(async (world) => {
    const { client, queue } = open(world);
    const consumer = await world.until(queue.consumer());
    const other = await world.until(client.conclave.queue('q').consumer());
    const taking = [consumer.take(), other.take(), consumer.take()];
    await world.advance(100);
    const { counts } = client.store;
    const start = counts.txn + counts.range;
    await world.until(queue.enqueue('first'));
    const first = await world.until(taking[0] as Promise<Job>);
    expect(first.payload).toBe('first');
    await world.advance(100);
    // The enqueue and what it reads, a look, a claim; a look, a place in the line again, a look.
    expect(counts.txn + counts.range - start).toBeLessThanOrEqual(8);
    await world.until(queue.enqueueAll(['second', 'third']));
    const [second, third] = [
      await world.until(taking[1] as Promise<Job>),
      await world.until(taking[2] as Promise<Job>),
    ];
    expect([second.payload, third.payload]).toEqual(['second', 'third']);
    // The claim of one consumer is none of another's: closing one gives back its own.
    await world.until(consumer.close());
    expect([first.held, second.held, third.held]).toEqual([false, true, false]);
    expect((await world.until(queue.stats())).ready).toBe(2);
    await world.until(second.ack());
    await world.until(other.close());
    expect(await world.until(queue.purge())).toBe(2);
  });
});

it('QUEUE-9: a job that was claimed for somebody who has gone is another one’s, or given back', async () => {
  await inQueueWorld(async (world) => {
    const { client, queue } = open(world);
    const consumer = await world.until(queue.consumer());
    await world.until(queue.enqueueAll(['a', 'b']));
    client.store.delay((name) => name === 'txn', { replyMs: 100 });
    const aborts = new AbortController();
    const gone = errorOf(consumer.take({ signal: aborts.signal }));
    await world.advance(50);
    const patient = consumer.take();
    aborts.abort(new Error('gone'));
    expect(await gone).toMatchObject({ message: 'gone' });
    const job = await world.until(patient);
    expect([job.payload, job.attempt]).toEqual(['a', 1]);
    await world.until(job.ack());
    await world.until(consumer.close());
    expect(await world.until(queue.list('ready'))).toMatchObject([{ payload: 'b', attempts: 0 }]);
    await world.until(queue.purge());
  });
});

it('QUEUE-4: a request for several leaves nobody out, whatever became of the first ones meanwhile', async () => {
  await inQueueWorld(async (world) => {
    const { client, queue } = open(world);
    const { context } = client;
    const keys = new QueueKeys(folderPrefix(context, 'queues', 'q'));
    const session = context.sessions.current;
    await world.until(session.open());
    const site: ClaimSite = { context, session, keys, settings: settingsOf({}), floors: new Floors(keys, 10_000) };
    const slots = new Slots(context, session, `${keys.slots}test.`);
    for (const gone of [[1], [2], [1, 2], [1, 3], [2, 4], [1, 2, 3, 4, 5, 6]]) {
      await world.until(queue.enqueueAll(numbers(6)));
      const front = await world.until(readFront(site, 6));
      const there = front.jobs.map(({ key }) => utf8Text(key));
      await world.truth.txn({ success: gone.map((n) => remove(there[n - 1] as string)) });
      const rest = there.filter((_, i) => !gone.includes(i + 1));
      const won: string[] = [];
      let [left, next] = [await world.until(slots.take(2)), front];
      while (next.jobs.length > 0 && left.length > 0) {
        const round = await world.until(claimRound(site, left, next, 4, undefined));
        won.push(...round.grips.map(({ claim }) => keys.readyOf(claim.ticket)));
        [left, next] = [round.open, round.front];
        // Whenever somebody could look, what was claimed is what was first.
        expect(won).toEqual(rest.slice(0, won.length));
      }
      expect(won).toHaveLength(Math.min(2, rest.length));
      await world.truth.txn({ success: [keys.ready, keys.taken, keys.jobs].map(removeBelow) });
    }
    await world.until(slots.discardAll());
  });
});

function removeBelow(prefix: string) {
  return remove(prefix, { rangeEnd: `${prefix.slice(0, -1)}0` });
}

it('QUEUE-9: a consumer asked for as the connection is closed is told so', async () => {
  await inQueueWorld(async (world) => {
    const { client, queue } = open(world);
    await world.until(client.conclave.session.open());
    const [opening, consuming] = [errorOf(queue.consumer()), errorOf(queue.consume(() => {}))];
    await world.until(client.conclave.close());
    expect(await world.until(opening)).toMatchObject({ code: 'SESSION_LOST', loss: 'closed' });
    expect(await world.until(consuming)).toMatchObject({ code: 'CLOSED' });
  });
});
