import { describe, expect, it } from 'vitest';
import { pause } from '../../src/core/abort.js';
import { utf8Text } from '../../src/core/bytes.js';
import type { RunHandler, Schedule, SingleRunOptions } from '../../src/schedule/schedule.js';
import { put, remove } from '../../src/store/ops.js';
import { type Client, errorOf, inWorld, outcomeOf, type SimWorld } from '../support/sim-world.js';

const startMs = Date.UTC(2025, 0, 1);
const second = 1_000;
const stop = new Error('stop');

/** A run as a test writes it down: the tick in seconds since the start, the process, the attempt. */
type Seen = [tick: number, who: string, attempt: number];

interface Standing {
  readonly client: Client;
  readonly schedule: Schedule;
  end(): Promise<void>;
}

function stand(
  world: SimWorld,
  who: string,
  seen: Seen[],
  options: SingleRunOptions,
  work: (client: Client) => RunHandler = () => () => {},
): Standing {
  const client = world.client({ ttlMs: 4_000, label: who });
  const schedule = client.conclave.schedule('nightly', options);
  const stopping = new AbortController();
  const handler: RunHandler = (run) => {
    seen.push([(run.tick.atMs - startMs) / second, who, run.attempt]);
    return work(client)(run);
  };
  const ended = outcomeOf(schedule.run(handler, { signal: stopping.signal }));
  return {
    client,
    schedule,
    async end() {
      stopping.abort(stop);
      expect(await ended).toEqual({ error: stop });
    },
  };
}

/** In a world that is left as it was but for what `delete` leaves: the counters of the queue beneath. */
async function inScheduleWorld(test: (world: SimWorld) => Promise<void>): Promise<void> {
  await inWorld(async (world) => {
    await test(world);
    const other = world.client().conclave;
    await world.until(other.schedule('nightly').delete());
    const left = (await world.keys()).map(({ key }) => utf8Text(key));
    expect(left.filter((key) => !/^schedules\/nightly\/(tail$|switch$|gone\/)/.test(key))).toEqual([]);
    await world.until(other.delete('schedules/', { prefix: true }));
  });
}

const every10 = { everyMs: 10 * second } as const;

describe('a schedule of single runs', () => {
  it('SCHEDULE-1, SCHEDULE-5: one of those who stand ready runs each tick, whoever comes and goes', async () => {
    await inScheduleWorld(async (world) => {
      const seen: Seen[] = [];
      const [a, b, c] = ['a', 'b', 'c'].map((who) => stand(world, who, seen, every10)) as [
        Standing,
        Standing,
        Standing,
      ];
      await world.advance(35 * second);
      await world.until(a.end());
      await world.advance(20 * second);
      await world.until(Promise.all([b.end(), c.end()]));
      expect(seen.map(([tick]) => tick)).toEqual([10, 20, 30, 40, 50]);
      expect(seen.every(([, , attempt]) => attempt === 1)).toBe(true);
      expect(seen.slice(3).map(([, who]) => who)).not.toContain('a');
      expect(await world.until(a.schedule.state())).toEqual({
        nextMs: startMs + 60 * second,
        lastMs: startMs + 50 * second,
        running: undefined,
        failed: undefined,
      });
    });
  });

  it('SCHEDULE-2, SCHEDULE-3: a run whose process is cut off goes to another, and only then', async () => {
    await inScheduleWorld(async (world) => {
      const seen: Seen[] = [];
      const held: boolean[] = [];
      const work = (client: Client): RunHandler => {
        return async (run) => {
          if (run.attempt > 1) return;
          client.store.partition();
          await new Promise((resolve) => run.signal.addEventListener('abort', resolve, { once: true }));
          held.push(run.held);
          expect(seen).toHaveLength(1);
        };
      };
      const standing = ['a', 'b'].map((who) => stand(world, who, seen, every10, work));
      await world.advance(10 * second);
      expect(seen).toHaveLength(1);
      const at = world.sim.monotonicMs();
      while (seen.length < 2 && world.sim.monotonicMs() - at < 9 * second) await world.advance(100);
      expect(seen.map(([tick, , attempt]) => [tick, attempt])).toEqual([
        [10, 1],
        [10, 2],
      ]);
      expect(new Set(seen.map(([, who]) => who)).size).toBe(2);
      expect(held).toEqual([false]);
      expect(world.sim.monotonicMs() - at).toBeLessThanOrEqual(4_600);
      for (const { client } of standing) client.store.heal();
      await world.advance(5 * second);
      await world.until(Promise.all(standing.map(({ end }) => end())));
    });
  });

  it('SCHEDULE-3, SCHEDULE-6: one that fails is tried again, given up, and kept until the next begins', async () => {
    await inScheduleWorld(async (world) => {
      const seen: Seen[] = [];
      const options = { ...every10, maxAttempts: 2, backoff: { firstMs: 100, mostMs: 100 } };
      const fails = () => () => {
        throw new Error('no');
      };
      const standing = stand(world, 'a', seen, options, fails);
      await world.advance(25 * second);
      expect(seen.map(([tick, , attempt]) => [tick, attempt])).toEqual([
        [10, 1],
        [10, 2],
        [20, 1],
        [20, 2],
      ]);
      expect(await world.until(standing.schedule.state())).toMatchObject({
        failed: { tickMs: startMs + 20 * second, reason: 'Error: no' },
      });
      expect(await world.keys('schedules/nightly/dead/')).toHaveLength(1);
      await world.until(standing.end());
    });
  });

  it('SCHEDULE-3: with one attempt, no tick is run twice though its process dies', async () => {
    await inScheduleWorld(async (world) => {
      const seen: Seen[] = [];
      const work = (client: Client): RunHandler => {
        return async (run) => {
          if (run.tick.atMs > startMs + 10 * second) return;
          client.store.partition();
          await pause(client.runtime, 2 * second);
        };
      };
      const standing = ['a', 'b'].map((who) => stand(world, who, seen, { ...every10, maxAttempts: 1 }, work));
      await world.advance(25 * second);
      expect(seen.map(([tick]) => tick)).toEqual([10, 20]);
      for (const { client } of standing) client.store.heal();
      await world.advance(4 * second);
      await world.until(Promise.all(standing.map(({ end }) => end())));
    });
  });

  it('SCHEDULE-4: a run that takes longer, or nobody there: left out, or made up for once', async () => {
    for (const [missed, expected] of [
      ['skip', [10, 40, 70, 200]],
      // That of 60 waits until somebody begins with it, that of 190 makes up for what was missed.
      ['once', [10, 20, 40, 60, 190, 200]],
    ] as const) {
      await inScheduleWorld(async (world) => {
        const seen: Seen[] = [];
        const options = { ...every10, missed, lateMs: 2 * second };
        const slow = (client: Client): RunHandler => {
          return () => pause(client.runtime, 25 * second);
        };
        const first = stand(world, 'a', seen, options, slow);
        await world.advance(76 * second);
        await world.until(first.end());
        // Nobody stands ready until 195 seconds have passed.
        await world.advance(195 * second - world.sim.monotonicMs());
        const other = stand(world, 'b', seen, options);
        await world.advance(10 * second);
        await world.until(other.end());
        expect(seen.map(([tick]) => tick)).toEqual(expected);
      });
    }
  });

  it('SCHEDULE-2: what a run writes under its guard, it writes only while the run is its own', async () => {
    await inScheduleWorld(async (world) => {
      const seen: Seen[] = [];
      const wrote: boolean[] = [];
      const work = (client: Client): RunHandler => {
        return async (run) => {
          const txn = { compare: [run.guard()], success: [put('schedules/effect', 'x')] };
          wrote.push((await client.store.txn(txn)).succeeded);
          if (run.attempt === 1) await world.truth.leaseRevoke({ id: run.leaseId });
          wrote.push((await client.store.txn(txn)).succeeded);
        };
      };
      const standing = ['a', 'b'].map((who) => stand(world, who, seen, every10, work));
      await world.advance(15 * second);
      expect(wrote).toEqual([true, false, true, true]);
      await world.until(Promise.all(standing.map(({ end }) => end())));
      await world.truth.txn({ success: [remove('schedules/effect')] });
    });
  });

  it.each([1, 3, 8])('SCHEDULE-7: a tick costs the same however many stand ready: %s', async (many) => {
    const requests: number[] = [];
    // Once with five ticks in the time, once with none: what is left is what they cost.
    for (const everyMs of [60 * second, 86_400 * second]) {
      await inScheduleWorld(async (world) => {
        const seen: Seen[] = [];
        const standing: Standing[] = [];
        for (let i = 0; i < many; i++) {
          standing.push(stand(world, `${i}`, seen, { everyMs }));
          await world.advance(second);
        }
        const stores = standing.map(({ client }) => client.store);
        const total = () => stores.reduce((sum, { counts, total: all }) => sum + all - counts.leaseKeepAlive, 0);
        expect(stores.map(({ openWatches }) => openWatches)).toEqual(stores.map((_, i) => (i === 0 ? 6 : 5)));
        const keys = (await world.keys('schedules/nightly/')).filter(({ lease }) => lease !== 0n);
        expect([keys.length, world.host.stats().leases]).toEqual([3 * many, many]);
        const looked = total();
        await world.until((standing[0] as Standing).schedule.state());
        expect(total() - looked).toBe(5);
        const before = total();
        await world.advance(300 * second);
        requests.push(total() - before);
        expect(seen).toHaveLength(everyMs > 300 * second ? 0 : 5);
        await world.until(Promise.all(standing.map(({ end }) => end())));
      });
    }
    const [ticking = 0, resting = 0] = requests;
    expect((ticking - resting) / 5).toBeLessThanOrEqual(many === 1 ? 9 : 13);
    // Each looks again at its two lines every 10 s, the keeper at more.
    expect(resting / 30).toBeLessThanOrEqual(2 * many + 5);
  });

  it('refuses what is no rhythm, and tells of none', async () => {
    await inScheduleWorld(async (world) => {
      const { conclave } = world.client();
      for (const options of [{}, { cron: 'x' }, { everyMs: 5 }, { cron: '0 0 30 2 *' }, { ...every10, lateMs: -1 }]) {
        const refused = errorOf(conclave.schedule('nightly', options).run(() => {}));
        expect(await world.until(refused)).toMatchObject({ code: 'INVALID_ARGUMENT' });
      }
      const none = conclave.schedule('nightly', every10).run(undefined as unknown as RunHandler);
      expect(await errorOf(none)).toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(() => conclave.schedule('')).toThrow(expect.objectContaining({ code: 'INVALID_NAME' }));
      expect(() => conclave.schedule('x', { ...every10, maxAttempts: 0 })).toThrow('maxAttempts');
      expect(await world.until(conclave.schedule('nightly').state())).toBeNull();
      expect(await world.until(conclave.schedule('nightly').delete())).toBe(false);
    });
  });
});
