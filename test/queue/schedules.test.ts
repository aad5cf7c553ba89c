import { describe, expect, it } from 'vitest';
import { pause } from '../../src/core/abort.js';
import { folderPrefix } from '../../src/line/context.js';
import { QueueKeys } from '../../src/queue/keys.js';
import { settingsOf } from '../../src/queue/options.js';
import { tick } from '../../src/queue/tick.js';
import type { TxnRequest } from '../../src/store/messages.js';
import { put } from '../../src/store/ops.js';
import { type Client, errorOf, type SimWorld } from '../support/sim-world.js';
import { below, consuming, inQueueWorld } from './support.js';

/** Where simulated time begins: a whole day. */
const startMs = Date.UTC(2025, 0, 1);
const second = 1_000;
const minute = 60 * second;

function open(world: SimWorld, ttlMs = 60_000) {
  const client = world.client({ ttlMs });
  return { client, queue: client.conclave.queue<unknown>('q', { maxAttempts: 3, maxJobs: 20 }) };
}

/** Ticks of the jobs done, in seconds since the start. */
function ticking(queue: ReturnType<typeof open>['queue'], seen: number[]): () => Promise<void> {
  return consuming(queue, ({ tick: at }) => seen.push(((at?.atMs ?? 0) - startMs) / second));
}

const isDeclaration = (name: string, request: unknown) => {
  return name === 'txn' && ((request as TxnRequest).compare?.length ?? 0) > 0;
};

async function atEnd(world: SimWorld, { queue }: ReturnType<typeof open>): Promise<void> {
  for (const { name } of await world.until(queue.schedules())) await world.until(queue.unschedule(name));
  await world.until(queue.purge());
}

describe('a schedule', () => {
  it('QUEUE-23: adds one job per tick, whoever of the processes keeps the queue, whatever its clock says', async () => {
    await inQueueWorld(async (world) => {
      const [one, two, three] = [open(world), open(world), open(world)];
      two.client.runtime.jumpWall(7 * second);
      three.client.runtime.jumpWall(-4 * second);
      await world.until(one.queue.schedule('s', { everyMs: 5_000, payload: 'x' }));
      const seen: number[] = [];
      for (const { queue } of [one, two, three, two, one]) {
        const end = ticking(queue, seen);
        await world.advance(11 * second);
        await world.until(end());
      }
      // Two is early by seven seconds; what it has ticked is over for those behind it.
      expect(seen).toEqual([5, 10, 15, 20, 25, 40, 45, 50, 55]);
      expect((await world.until(one.queue.schedules()))[0]).toMatchObject({
        lastMs: startMs + 55 * second,
        lastId: '9',
        nextMs: startMs + 60 * second,
      });
      await atEnd(world, one);
    });
  });

  it('QUEUE-23: ticks once though two take themselves for the keeper and one of them has read it before', async () => {
    await inQueueWorld(async (world) => {
      const [one, two] = [open(world), open(world)];
      await world.until(one.queue.schedule('s', { everyMs: 5_000, payload: 'x' }));
      const site = ({ context }: Client) => ({
        context,
        session: context.sessions.current,
        keys: new QueueKeys(folderPrefix(context, 'queues', 'q')),
        settings: settingsOf({}),
      });
      const [seen] = await world.keys('queues/q/schedules/');
      if (seen === undefined) throw new Error('no schedule');
      await world.advance(6 * second);
      const { signal } = new AbortController();
      await world.until(tick(site(two.client), seen, signal));
      expect(await below(world, 'q/jobs/')).toHaveLength(1);
      await world.until(tick(site(one.client), seen, signal));
      await world.until(tick(site(one.client), seen, signal));
      expect(await below(world, 'q/jobs/')).toHaveLength(1);
      await world.until(one.queue.unschedule('s'));
      await world.advance(6 * second);
      await world.until(tick(site(two.client), seen, signal));
      expect(await below(world, 'q/jobs/')).toHaveLength(1);
      expect(await below(world, 'q/schedules/')).toEqual([]);
      await atEnd(world, one);
    });
  });

  it('QUEUE-24: leaves out what was missed, or makes up for the last of it', async () => {
    await inQueueWorld(async (world) => {
      const one = open(world);
      const rhythm = { cron: '*/10 * * * *', payload: null } as const;
      await world.until(one.queue.schedule('skips', { ...rhythm, lateMs: 5 * second }));
      await world.until(one.queue.schedule('once', { ...rhythm, missed: 'once', timeZone: 'Asia/Kolkata' }));
      await world.until(one.queue.schedule('late', { ...rhythm, lateMs: 20 * minute }));
      // Nobody is there for the ticks of 10, 20 and 30 minutes.
      await world.advance(35 * minute);
      const seen: string[] = [];
      const end = consuming(one.queue, ({ tick: at }) =>
        seen.push(`${at?.schedule} ${((at?.atMs ?? 0) - startMs) / minute}`),
      );
      await world.advance(second);
      expect(seen.sort()).toEqual(['late 30', 'once 30']);
      await world.advance(5 * minute);
      expect(seen.sort()).toEqual(['late 30', 'late 40', 'once 30', 'once 40', 'skips 40']);
      await world.until(end());
      await atEnd(world, one);
    });
  });

  it('QUEUE-24: a clock that is set forward or back makes no tick twice', async () => {
    await inQueueWorld(async (world) => {
      const one = open(world);
      await world.until(one.queue.schedule('s', { everyMs: 10 * second, payload: 'x', missed: 'once' }));
      const seen: number[] = [];
      const end = ticking(one.queue, seen);
      await world.advance(12 * second);
      one.client.runtime.jumpWall(1_000 * second);
      await world.advance(61 * second);
      one.client.runtime.jumpWall(-1_000 * second);
      await world.advance(61 * second);
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
      expect([seen[0], seen.at(-1)]).toEqual([10, 1_070]);
      await world.until(end());
      await atEnd(world, one);
    });
  });

  it('QUEUE-24: a clock that is set back while a tick is awaited leaves none out', async () => {
    await inQueueWorld(async (world) => {
      const one = open(world);
      await world.until(one.queue.schedule('s', { everyMs: 10 * second, payload: 'x' }));
      const seen: number[] = [];
      const end = ticking(one.queue, seen);
      await world.advance(12 * second);
      one.client.runtime.jumpWall(-5 * second);
      await world.advance(40 * second);
      expect(seen).toEqual([10, 20, 30, 40]);
      await world.until(end());
      await atEnd(world, one);
    });
  });

  it('QUEUE-25: its jobs are added beside each other, or left out, or one behind the other', async () => {
    await inQueueWorld(async (world) => {
      const one = open(world);
      const rhythm = { everyMs: 10 * second, payload: 'x' } as const;
      for (const overlap of ['allow', 'skip', 'wait'] as const) {
        await world.until(one.queue.schedule(overlap, { ...rhythm, overlap }));
      }
      const seen: string[] = [];
      const end = consuming(
        one.queue,
        async ({ tick: at }) => {
          seen.push(`${at?.schedule} ${((at?.atMs ?? 0) - startMs) / second}`);
          await pause(one.client.runtime, 25 * second);
        },
        { concurrency: 9 },
      );
      await world.advance(64 * second);
      const of = (name: string) =>
        seen.filter((each) => each.startsWith(name)).map((each) => Number(each.split(' ')[1]));
      expect(of('allow')).toEqual([10, 20, 30, 40, 50, 60]);
      expect(of('skip')).toEqual([10, 40]);
      // The second waits while the first runs until 35, the third until 60.
      expect(of('wait')).toEqual([10, 20, 40]);
      for (const { name } of await world.until(one.queue.schedules())) await world.until(one.queue.unschedule(name));
      await world.advance(60 * second);
      await world.until(end());
    });
  });

  it('QUEUE-26: stays as it is when it is said again, changes when it is said otherwise, and ends', async () => {
    await inQueueWorld(async (world) => {
      const [one, two] = [open(world), open(world)];
      const first = await world.until(one.queue.schedule('s', { everyMs: minute, payload: { a: 1 } }));
      expect(first).toEqual({
        name: 's',
        cron: undefined,
        timeZone: undefined,
        everyMs: minute,
        missed: 'skip',
        lateMs: minute,
        overlap: 'allow',
        payload: { a: 1 },
        nextMs: startMs + minute,
        lastMs: undefined,
        lastId: undefined,
      });
      const revision = async () => (await world.keys('queues/q/schedules/'))[0]?.modRevision;
      const before = await revision();
      await world.advance(10 * second);
      expect(await world.until(two.queue.schedule('s', { everyMs: minute, payload: { a: 1 } }))).toEqual(first);
      expect(await revision()).toBe(before);
      const seen: unknown[] = [];
      const end = consuming(one.queue, ({ payload }) => seen.push(payload));
      // Another payload leaves the time as it is, another rhythm starts anew.
      await world.until(two.queue.schedule('s', { everyMs: minute, payload: 'b' }));
      await world.advance(minute);
      expect(seen).toEqual(['b']);
      const { nextMs } = await world.until(two.queue.schedule('s', { cron: '0 */2 * * *', payload: 'c' }));
      expect(nextMs).toBe(startMs + 120 * minute);
      await world.advance(120 * minute);
      expect(seen).toEqual(['b', 'c']);
      expect(await world.until(one.queue.unschedule('s'))).toBe(true);
      expect(await world.until(one.queue.unschedule('s'))).toBe(false);
      await world.advance(300 * minute);
      expect(seen).toEqual(['b', 'c']);
      await world.until(end());
    });
  });

  it('QUEUE-26: a request that comes late brings none back that has ended', async () => {
    await inQueueWorld(async (world) => {
      const [one, two] = [open(world), open(world)];
      one.client.store.applyLate(isDeclaration, minute);
      two.client.store.applyLate(isDeclaration, minute);
      const said = [one, two].map(({ queue }) => queue.schedule('s', { everyMs: minute, payload: 'x' }));
      const [made, same] = await world.until(Promise.all(said));
      expect(made).toEqual(same);
      expect([one, two].map(({ client }) => client.store.pendingFaults)).toEqual([0, 0]);
      expect(await world.until(one.queue.unschedule('s'))).toBe(true);
      await world.advance(2 * minute);
      expect(await world.until(two.queue.schedules())).toEqual([]);
    });
  });

  it('QUEUE-14, QUEUE-24: waits for room in a full queue, and is missed if that takes too long', async () => {
    await inQueueWorld(async (world) => {
      const one = open(world);
      const blocked = open(world);
      await world.until(one.queue.enqueueAll(Array.from({ length: 20 }, (_, i) => i)));
      await world.until(one.queue.pause());
      const consumer = await world.until(one.queue.consumer());
      await world.until(one.queue.schedule('s', { everyMs: minute, payload: 'x', lateMs: 30 * second }));
      await world.until(one.queue.schedule('ends', { cron: '0 1 0 1 1 * 2025', payload: 'y', missed: 'once' }));
      await world.advance(minute + 10 * second);
      expect((await world.until(blocked.queue.stats())).ready).toBe(20);
      await world.until(blocked.queue.cancel('3'));
      await world.until(blocked.queue.cancel('4'));
      await world.advance(2 * second);
      const ticks = async () =>
        (await world.until(blocked.queue.list('ready'))).flatMap(({ tick: at }) => (at ? [at.schedule] : []));
      expect((await ticks()).sort()).toEqual(['ends', 's']);
      // The one that ends has no next tick any more.
      const { nextMs } = (await world.until(blocked.queue.schedules()))[0] ?? {};
      expect(nextMs).toBeUndefined();
      await world.advance(minute + 40 * second);
      await world.until(blocked.queue.cancel('5'));
      await world.advance(2 * second);
      expect(await ticks()).toHaveLength(2);
      await world.until(consumer.close());
      await world.until(one.queue.resume());
      await atEnd(world, one);
    });
  });

  it('QUEUE-26: of foreign make is left alone', async () => {
    await inQueueWorld(async (world) => {
      const one = open(world);
      const made = await world.until(one.queue.schedule('s', { everyMs: minute, payload: 'x' }));
      for (const [name, value] of [
        ['not-json', '{'],
        ['no-rhythm', '{"nextMs":1,"spec":{"rhythm":{"cron":"nonsense"},"job":{"maxAttempts":1},"payload":1}}'],
        ['empty', '{}'],
      ] as const) {
        await world.truth.txn({ success: [put(`queues/q/schedules/${name}`, value)] });
      }
      const seen: number[] = [];
      const end = ticking(one.queue, seen);
      await world.advance(2 * minute + second);
      expect(seen).toEqual([60, 120]);
      expect((await world.until(one.queue.schedules())).map(({ name }) => name)).toEqual([made.name]);
      await world.until(end());
      for (const name of ['not-json', 'no-rhythm', 'empty', 's']) await world.until(one.queue.unschedule(name));
    });
  });

  it.each([
    [{ payload: undefined }],
    [{ payload: 1n }],
    [{ payload: 'x'.repeat(70_000) }],
    [{ missed: 'all' as 'once' }],
    [{ overlap: 'never' as 'skip' }],
    [{ lateMs: 0 }],
    [{ lateMs: -1 }],
    [{ group: 'g', overlap: 'skip' as const }],
    [{ priority: 1_000 }],
    [{ everyMs: undefined, cron: '0 0 30 2 *' }],
    [{ everyMs: 10 }],
  ])('refuses %o', async (options) => {
    await inQueueWorld(async (world) => {
      const { queue } = open(world);
      const refused = queue.schedule('s', { everyMs: minute, payload: 'x', ...options });
      expect(await world.until(errorOf(refused))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(await world.keys('queues/')).toEqual([]);
    });
  });

  it('refuses names that are none', async () => {
    await inQueueWorld(async (world) => {
      const { queue } = open(world);
      for (const name of ['', 'x'.repeat(257), '\ud800', 5 as unknown as string]) {
        const refused = queue.schedule(name, { everyMs: minute, payload: 'x' });
        expect(await errorOf(refused)).toMatchObject({ code: 'INVALID_ARGUMENT' });
        expect(await errorOf(queue.unschedule(name))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      }
    });
  });
});
