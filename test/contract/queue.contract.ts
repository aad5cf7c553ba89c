import { describe, expect, it } from 'vitest';
import type { Conclave } from '../../src/conclave.js';
import { noBytes, prefixEnd, utf8, utf8Text } from '../../src/core/bytes.js';
import type { Job } from '../../src/queue/job.js';
import { put } from '../../src/store/ops.js';
import { watchBatches } from '../../src/store/watch-batches.js';
import type { Backend, Opened } from '../support/backends.js';
import { errorOf } from '../support/sim-world.js';
import { aborted, recipesOfData } from './recipe-fixture.js';
import { dayMs, setNextTick } from './ticks.js';

const stop = new Error('stop');

/** Consumes until `count` jobs were handled; resolves to what was handed out, in order. */
async function consumed(
  processes: readonly Conclave[],
  name: string,
  count: number,
  handle: (job: Job, conclave: Conclave) => unknown = () => {},
): Promise<{ readonly id: string; readonly payload: unknown; readonly fence: bigint }[]> {
  const seen: { readonly id: string; readonly payload: unknown; readonly fence: bigint }[] = [];
  const enough = new AbortController();
  const consuming = processes.map((conclave) =>
    conclave.queue(name).consume(
      async (job) => {
        seen.push({ id: job.id, payload: job.payload, fence: job.fence });
        await handle(job, conclave);
        if (seen.length >= count) enough.abort(stop);
      },
      { concurrency: 2, signal: enough.signal },
    ),
  );
  expect(await Promise.all(consuming.map(errorOf))).toEqual(consuming.map(() => stop));
  return seen;
}

/** What a queue promises, whatever it stands on. */
export function queueContract(backend: Backend): void {
  describe('a queue', () => {
    const start = recipesOfData(backend, ['queues/']);
    const below = async ({ store, prefix }: Opened, path: string) => {
      const key = utf8(`${prefix}queues/${path}`);
      return (await store.range({ key, rangeEnd: prefixEnd(key) })).kvs;
    };

    it('QUEUE-1, QUEUE-2, QUEUE-4: hands out every job once, in order', async () => {
      const { opened, process } = await start();
      const conclave = await process();
      const queue = conclave.queue<{ n: number }>('q');
      await queue.enqueue({ n: 0 });
      await queue.enqueueAll([{ n: 1 }, { n: 2 }, { n: 3 }]);
      await Promise.all([4, 5, 6, 7].map((n) => queue.enqueue({ n })));
      const consumer = await queue.consumer();
      const payloads: unknown[] = [];
      const fences: bigint[] = [];
      for (let i = 0; i < 8; i++) {
        const job = await consumer.take();
        expect(job.held).toBe(true);
        expect(job.attempt).toBe(1);
        payloads.push(job.payload);
        fences.push(job.fence);
        await job.ack();
      }
      expect(payloads).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((n) => ({ n })));
      expect([...fences].sort((a, b) => (a < b ? -1 : 1))).toEqual(fences);
      for (const path of ['q/jobs/', 'q/ready/', 'q/taken/']) expect(await below(opened, path)).toEqual([]);
      await consumer.close();
      for (const path of ['q/slots/', 'q/idle/', 'q/keepers/']) expect(await below(opened, path)).toEqual([]);
    });

    it('QUEUE-1, QUEUE-2, QUEUE-9: many consumers of several processes do every job once', async () => {
      const { opened, process } = await start();
      const processes = [await process(), await process(), await process()];
      const jobs = Array.from({ length: 40 }, (_, i) => i);
      const producing = Promise.all(jobs.map((i) => (processes[i % 3] as Conclave).queue('q').enqueue(i)));
      const seen = await consumed(processes, 'q', jobs.length);
      await producing;
      expect(seen.map(({ payload }) => payload).sort((a, b) => Number(a) - Number(b))).toEqual(jobs);
      for (const path of ['q/jobs/', 'q/taken/', 'q/slots/', 'q/idle/', 'q/keepers/']) {
        expect(await below(opened, path)).toEqual([]);
      }
    });

    it('QUEUE-5, QUEUE-6: a claim can be guarded by, and settled once', async () => {
      const { opened, process } = await start();
      const conclave = await process();
      const queue = conclave.queue('q');
      await queue.enqueue('x');
      const consumer = await queue.consumer();
      const job = await consumer.take();
      const guarded = () =>
        conclave
          .txn()
          .if(job.guard())
          .then(put(`${opened.prefix}queues/done`, job.id))
          .commit();
      expect((await guarded()).succeeded).toBe(true);
      await job.nack();
      expect((await guarded()).succeeded).toBe(false);
      expect(await errorOf(job.ack())).toMatchObject({ code: 'RELEASED' });
      const again = await consumer.take();
      expect(again).toMatchObject({ id: job.id, attempt: 2, payload: 'x' });
      expect(again.fence).toBeGreaterThan(job.fence);
      await again.ack();
      await consumer.close();
    });

    it('QUEUE-6, QUEUE-7, QUEUE-8: the job of a revoked lease goes to another, which alone settles it', async () => {
      const { opened, process } = await start();
      const [first, second] = [await process({ ttlMs: 60_000 }), await process()];
      await first.queue('q').enqueue('x');
      const consumer = await first.queue('q').consumer();
      const job = await consumer.take();
      const lost = aborted(job.signal);
      const other = await second.queue('q').consumer();
      const waiting = other.take();
      await opened.store.leaseRevoke({ id: job.leaseId });
      const again = await waiting;
      expect(again).toMatchObject({ id: job.id, attempt: 2, payload: 'x' });
      expect(again.fence).toBeGreaterThan(job.fence);
      expect(await lost).toMatchObject({ name: 'ConclaveError' });
      expect(job.held).toBe(false);
      expect(await errorOf(job.ack())).toMatchObject({ name: 'ConclaveError' });
      await again.ack();
      expect(await below(opened, 'q/jobs/')).toEqual([]);
      await other.close();
      await consumer.close();
    });

    it('QUEUE-9: an abort lets the running handler finish before it rejects', async () => {
      const { opened, process } = await start();
      const conclave = await process();
      const queue = conclave.queue('q');
      await queue.enqueueAll(['a', 'b']);
      const stopping = new AbortController();
      const done: unknown[] = [];
      const consuming = queue.consume(
        async (job) => {
          stopping.abort(stop);
          await conclave.get('somewhere');
          expect(job.held).toBe(true);
          done.push(job.payload);
        },
        { signal: stopping.signal },
      );
      expect(await errorOf(consuming)).toBe(stop);
      expect(done).toEqual(['a']);
      expect((await below(opened, 'q/jobs/')).length).toBe(1);
      expect((await below(opened, 'q/ready/')).length).toBe(1);
      expect(await below(opened, 'q/slots/')).toEqual([]);
    });

    it('QUEUE-18, QUEUE-19: one of a group at a time, in order; the rest can be purged', async () => {
      const { opened, process } = await start();
      const [first, second] = [(await process()).queue('q'), (await process()).queue('q')];
      await first.enqueueAll(['a', 'b', 'c', 'd'], { group: 'g/1' });
      await second.enqueue('e', { group: 'g/1', priority: 9 });
      await second.enqueue('other', { priority: -1 });
      const [one, two] = [await first.consumer(), await second.consumer()];
      const a = await one.take();
      const other = await two.take();
      expect([a.payload, other.payload]).toEqual(['a', 'other']);
      const next = two.take();
      await a.ack();
      const b = await next;
      expect([b.payload, b.group]).toEqual(['b', 'g/1']);
      await b.dead('broken');
      const c = await one.take();
      expect(c.payload).toBe('c');
      expect((await first.list('waiting')).map(({ payload }) => payload)).toEqual(['d', 'e']);
      expect(await first.purge({ states: ['waiting', 'dead'] })).toBe(3);
      for (const job of [c, other]) await job.ack();
      for (const consumer of [one, two]) await consumer.close();
      for (const path of ['jobs', 'waiting', 'busy', 'vacant']) expect(await below(opened, `q/${path}/`)).toEqual([]);
    });

    it('QUEUE-20, QUEUE-21: tells progress and result to others', async () => {
      const { opened, process } = await start();
      const [first, second] = [(await process()).queue('q'), (await process()).queue('q')];
      const { id } = await first.enqueue('x', { keepResultMs: 60_000 });
      const result = first.result(id);
      const consumer = await second.consumer();
      const job = await consumer.take();
      await job.updateProgress('half');
      expect(await first.list('claimed')).toMatchObject([{ id, progress: 'half' }]);
      await job.ack({ big: 1 });
      expect(await result).toEqual({ state: 'done', result: { big: 1 } });
      expect(await below(opened, 'q/progress/')).toEqual([]);
      await consumer.close();
      const [kept] = await below(opened, 'q/results/');
      await opened.store.leaseRevoke({ id: kept?.lease ?? 0n });
      expect(await second.result(id)).toEqual({ state: 'gone' });
    });

    it('QUEUE-23, QUEUE-26: a schedule adds a job per tick, whoever keeps the queue', async () => {
      const { opened, process } = await start();
      const [first, second] = [(await process()).queue('q'), (await process()).queue('q')];
      const rhythm = { cron: '0 3 * * *', missed: 'once', payload: 'x' } as const;
      const made = await first.schedule('s/1', rhythm);
      expect(await second.schedule('s/1', rhythm)).toEqual(made);
      const [key] = (await below(opened, 'q/schedules/')).map((kv) => kv.key);
      const consumers = [await first.consumer(), await second.consumer()] as const;
      const seen: unknown[] = [];
      for (const daysAgo of [9, 5]) {
        await setNextTick(opened.store, key ?? noBytes, (made.nextMs ?? 0) - daysAgo * dayMs);
        const stopping = new AbortController();
        const takes = consumers.map((consumer) => consumer.take({ signal: stopping.signal }));
        const job = await Promise.race(takes);
        seen.push([job.payload, job.tick]);
        stopping.abort(stop);
        await Promise.allSettled(takes);
        await job.ack();
      }
      const [last] = await second.schedules();
      expect(last).toMatchObject({ name: 's/1', nextMs: made.nextMs, lastId: '2' });
      expect(seen).toEqual([1, 2].map(() => ['x', { schedule: 's/1', atMs: last?.lastMs }]));
      expect(await first.unschedule('s/1')).toBe(true);
      for (const consumer of consumers) await consumer.close();
      for (const path of ['jobs', 'schedules']) expect(await below(opened, `q/${path}/`)).toEqual([]);
    });

    it('QUEUE-24, QUEUE-25: a tick that is late, or whose job is there, adds nothing, by policy', async () => {
      const { opened, process } = await start();
      const queue = (await process()).queue('q');
      const consumer = await queue.consumer();
      const key = utf8(`${opened.prefix}queues/q/schedules/s`);
      /** As if nobody had been there for so many days; resolves when the schedule stands at its next tick again. */
      const overdue = async (daysAgo: number, nextMs: number | undefined) => {
        const revision = await setNextTick(opened.store, key, (nextMs ?? 0) - daysAgo * dayMs);
        const over = new AbortController();
        for await (const { events } of watchBatches(opened.store, { key, startRevision: revision + 1n }, over.signal)) {
          const now = events.map(
            ({ kv: { value: seen } }) => (JSON.parse(utf8Text(seen)) as { nextMs: number }).nextMs,
          );
          if (now.includes(nextMs ?? 0)) break;
        }
        over.abort(stop);
      };
      const rhythm = { cron: '0 3 * * *', payload: 'x' } as const;
      const skipping = await queue.schedule('s', { ...rhythm, missed: 'skip', lateMs: 60_000 });
      await overdue(3, skipping.nextMs);
      expect(await queue.stats()).toMatchObject({ ready: 0, waiting: 0 });
      const { nextMs } = await queue.schedule('s', { ...rhythm, missed: 'once', overlap: 'skip' });
      await overdue(3, nextMs);
      const job = await consumer.take();
      await overdue(2, nextMs);
      expect(await queue.stats()).toMatchObject({ ready: 0, waiting: 0, claimed: 1 });
      await job.ack();
      await overdue(1, nextMs);
      const next = await consumer.take();
      expect([job.id, next.id]).toEqual(['1', '2']);
      await next.ack();
      await consumer.close();
      expect(await queue.unschedule('s')).toBe(true);
      expect(await below(opened, 'q/jobs/')).toEqual([]);
    });

    it('leaves nothing behind when a take is given up, and refuses what is no job', async () => {
      const { opened, process } = await start();
      const queue = (await process()).queue('q');
      const consumer = await queue.consumer();
      const giveUp = new AbortController();
      const taking = consumer.take({ signal: giveUp.signal });
      giveUp.abort(stop);
      expect(await errorOf(taking)).toBe(stop);
      expect(await errorOf(consumer.take({ timeoutMs: 1 }))).toMatchObject({ code: 'TIMEOUT' });
      await queue.enqueue('x');
      await (await consumer.take()).ack();
      await consumer.close();
      expect(await below(opened, 'q/slots/')).toEqual([]);
      expect(await below(opened, 'q/idle/')).toEqual([]);
      expect(await errorOf(queue.enqueue(undefined))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(await errorOf(queue.enqueue(1n))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(await errorOf(queue.enqueue('x', { priority: 1.5 }))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(await errorOf(queue.enqueue('x'.repeat(70_000)))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(await errorOf(queue.consume(() => {}, { concurrency: 0 }))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    });
  });
}
