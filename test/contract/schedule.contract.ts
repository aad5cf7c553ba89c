import { describe, expect, it } from 'vitest';
import type { Conclave } from '../../src/conclave.js';
import { noBytes, prefixEnd, utf8, utf8Text } from '../../src/core/bytes.js';
import type { ScheduledRun, SingleRunOptions } from '../../src/schedule/schedule.js';
import { put } from '../../src/store/ops.js';
import type { Backend, Opened } from '../support/backends.js';
import { errorOf } from '../support/sim-world.js';
import { recipesOfData } from './recipe-fixture.js';
import { dayMs, setNextTick } from './ticks.js';

const stop = new Error('stop');

/** Nobody waits for three in the morning: `makeDue` brings it about. */
const nightly = { cron: '0 3 * * *', missed: 'once' } as const;

/** A run as the test finds it, in the hands of one process. */
interface Taken {
  readonly who: number;
  readonly run: ScheduledRun;
  /** Ends the handler; with an error: as failed. */
  settle(error?: Error): void;
}

/** All processes stand ready; `next` resolves to the run that one of them is handed next. */
function standing(processes: readonly Conclave[], options: SingleRunOptions = nightly) {
  const taken: Taken[] = [];
  const waiting: ((taken: Taken) => void)[] = [];
  const stopping = new AbortController();
  const ended = processes.map((conclave, who) => {
    const handler = (run: ScheduledRun) =>
      new Promise<void>((resolve, reject) => {
        const each = { who, run, settle: (error?: Error) => (error === undefined ? resolve() : reject(error)) };
        const hand = waiting.shift();
        if (hand === undefined) taken.push(each);
        else hand(each);
      });
    return errorOf(conclave.schedule('s', options).run(handler, { signal: stopping.signal }));
  });
  return {
    next: () =>
      new Promise<Taken>((resolve) => (taken.length > 0 ? resolve(taken.shift() as Taken) : waiting.push(resolve))),
    stop: () => stopping.abort(stop),
    end: async () => {
      stopping.abort(stop);
      expect(await Promise.all(ended)).toEqual(processes.map(() => stop));
      expect(taken).toEqual([]);
    },
  };
}

/** What single runs promise, whatever they stand on. */
export function scheduleContract(backend: Backend): void {
  describe('a schedule', () => {
    const start = recipesOfData(backend, ['schedules/']);
    const below = async ({ store, prefix }: Opened, path: string) => {
      const key = utf8(`${prefix}schedules/${path}`);
      return (await store.range({ key, rangeEnd: prefixEnd(key) })).kvs;
    };
    /** As if nobody had stood ready for so many days. */
    const makeDue = async (opened: Opened, daysAgo: number) => {
      const [kv] = await below(opened, 's/schedules/');
      const { nextMs } = JSON.parse(utf8Text(kv?.value ?? noBytes)) as { nextMs: number };
      await setNextTick(opened.store, kv?.key ?? noBytes, nextMs - daysAgo * dayMs);
    };

    it('SCHEDULE-1, SCHEDULE-4, SCHEDULE-5: one of two runs what was missed; an abort lets it finish', async () => {
      const { opened, process, places } = await start();
      const processes = [await process(), await process()];
      const ready = standing(processes);
      await places('schedules/s/schedules/', 1);
      await makeDue(opened, 9);
      const first = await ready.next();
      const lastMs = first.run.tick.atMs;
      expect(first.run).toMatchObject({ attempt: 1, held: true });
      expect(await processes[1]?.schedule('s').state()).toMatchObject({
        running: { tickMs: lastMs, attempts: 1 },
        lastMs,
        nextMs: lastMs + dayMs,
      });
      ready.stop();
      expect(first.run.held).toBe(true);
      first.settle();
      await ready.end();
      for (const path of ['jobs', 'taken', 'slots', 'keepers', 'idle', 'busy', 'vacant']) {
        expect(await below(opened, `s/${path}/`)).toEqual([]);
      }
    });

    it('SCHEDULE-2, SCHEDULE-3: the run of a revoked lease goes to another, which alone may write', async () => {
      const { opened, process, places } = await start();
      const processes = [await process({ ttlMs: 60_000 }), await process({ ttlMs: 60_000 })];
      const ready = standing(processes);
      await places('schedules/s/schedules/', 1);
      await makeDue(opened, 2);
      const first = await ready.next();
      const write = async ({ who, run }: Taken) => {
        const txn = processes[who]?.txn().if(run.guard());
        return (await txn?.then(put(`${opened.prefix}schedules/effect`, `${run.attempt}`)).commit())?.succeeded;
      };
      expect(await write(first)).toBe(true);
      await opened.store.leaseRevoke({ id: first.run.leaseId });
      const again = await ready.next();
      expect(again.run).toMatchObject({ attempt: 2, tick: first.run.tick });
      expect(again.run.fence).toBeGreaterThan(first.run.fence);
      expect([await write(first), await write(again)]).toEqual([false, true]);
      first.settle();
      again.settle();
      await ready.end();
      expect(await below(opened, 's/jobs/')).toEqual([]);
    });

    it('SCHEDULE-3, SCHEDULE-6: at most once with one attempt; what was given up is kept until the next', async () => {
      const { opened, process, places } = await start();
      const conclave = await process();
      const ready = standing([conclave], { ...nightly, maxAttempts: 1 });
      const schedule = conclave.schedule('s');
      await places('schedules/s/schedules/', 1);
      await makeDue(opened, 5);
      const failing = await ready.next();
      failing.settle(new Error('no'));
      await places('schedules/s/dead/', 1);
      const { atMs } = failing.run.tick;
      expect(await schedule.state()).toMatchObject({
        failed: { tickMs: atMs, reason: 'Error: no' },
        running: undefined,
      });
      await makeDue(opened, 1);
      const next = await ready.next();
      expect(next.run).toMatchObject({ attempt: 1 });
      expect(await below(opened, 's/dead/')).toEqual([]);
      next.settle();
      await ready.end();
      expect([await schedule.delete(), await schedule.state(), await schedule.delete()]).toEqual([true, null, false]);
      const left = (await below(opened, 's/')).map(({ key }) => utf8Text(key).replace(/^.*schedules\/s\//, ''));
      expect(left.filter((key) => !/^(tail$|switch$|gone\/)/.test(key))).toEqual([]);
    });
  });
}
