import { describe, expect, it } from 'vitest';
import type { Held } from '../../src/line/held.js';
import type { Semaphore } from '../../src/semaphore/semaphore.js';
import { type Client, errorOf, inWorld, type SimWorld } from '../support/sim-world.js';

const ttlMs = 60_000;

function semaphoreOf({ conclave }: Client, permits: number): Semaphore {
  return conclave.semaphore('s', { permits });
}

function clients(world: SimWorld, count: number): Client[] {
  return Array.from({ length: count }, () => world.client({ ttlMs }));
}

/** Asks for permits; `held` is there when they were given. */
async function ask(world: SimWorld, semaphore: Semaphore, permits = 1) {
  const asked: { held?: Held; done: Promise<Held> } = { done: semaphore.acquire({ permits }) };
  asked.done.then(
    (held) => {
      asked.held = held;
    },
    () => {},
  );
  await world.advance(100);
  return asked;
}

async function letGo(world: SimWorld, ...helds: (Held | null | undefined)[]): Promise<void> {
  for (const held of helds) if (held) await world.until(held.release());
  await world.advance(10);
}

/** Nobody holds any more: takes the number of permits away, which would stay. */
async function tidy(world: SimWorld, { conclave }: Client): Promise<void> {
  expect(await world.until(conclave.semaphore('s', { permits: 1 }).delete())).toBe(true);
}

describe('acquire()', () => {
  it('SEM-1: gives as many permits as there are, and no more', () =>
    inWorld(async (world) => {
      const each = clients(world, 4);
      const asked: Awaited<ReturnType<typeof ask>>[] = [];
      for (const client of each) asked.push(await ask(world, semaphoreOf(client, 3)));
      expect(asked.map(({ held }) => held?.held)).toEqual([true, true, true, undefined]);
      await world.advance(60_000);
      expect(asked[3]?.held).toBeUndefined();
      await letGo(world, asked[1]?.held);
      expect(asked[3]?.held?.held).toBe(true);
      expect(asked[3]?.held?.fence).toBeGreaterThan(asked[2]?.held?.fence ?? 0n);
      await letGo(world, asked[0]?.held, asked[2]?.held, asked[3]?.held);
      await tidy(world, each[0] as Client);
    }));

  it('SEM-1: callers of one process count each for itself', () =>
    inWorld(async (world) => {
      const [a] = clients(world, 1) as [Client];
      const asked: Awaited<ReturnType<typeof ask>>[] = [];
      for (let i = 0; i < 3; i++) asked.push(await ask(world, semaphoreOf(a, 2)));
      expect(asked.map(({ held }) => held?.held)).toEqual([true, true, undefined]);
      await letGo(world, asked[0]?.held);
      await letGo(world, asked[1]?.held, asked[2]?.held);
      await tidy(world, a);
    }));

  it('SEM-2: a heavy waiter is not overtaken by a light one', () =>
    inWorld(async (world) => {
      const [a, b, c] = clients(world, 3) as [Client, Client, Client];
      const first = await ask(world, semaphoreOf(a, 3), 2);
      const heavy = await ask(world, semaphoreOf(b, 3), 3);
      const light = await ask(world, semaphoreOf(c, 3), 1);
      await world.advance(30_000);
      expect([first.held?.held, heavy.held, light.held]).toEqual([true, undefined, undefined]);
      await letGo(world, first.held);
      expect([heavy.held?.held, light.held]).toEqual([true, undefined]);
      await letGo(world, heavy.held);
      expect(light.held?.held).toBe(true);
      await letGo(world, light.held);
      await tidy(world, a);
    }));

  it('SEM-2: a heavy waiter that gives up lets those behind it in at once', () =>
    inWorld(async (world) => {
      const [a, b, c, d] = clients(world, 4) as [Client, Client, Client, Client];
      const first = await ask(world, semaphoreOf(a, 3), 1);
      const aborts = new AbortController();
      const heavy = errorOf(semaphoreOf(b, 3).acquire({ permits: 3, signal: aborts.signal }));
      await world.advance(100);
      const light = [await ask(world, semaphoreOf(c, 3)), await ask(world, semaphoreOf(d, 3))];
      expect(light.map(({ held }) => held)).toEqual([undefined, undefined]);
      aborts.abort('enough');
      expect(await world.until(heavy)).toBe('enough');
      await world.advance(10);
      expect(light.map(({ held }) => held?.held)).toEqual([true, true]);
      await letGo(world, first.held, ...light.map(({ held }) => held));
      await tidy(world, a);
    }));

  it.each([0, 1, 2])('SEM-5: holder %s that goes makes room at once, and so do all at one time', (goes) =>
    inWorld(async (world) => {
      const each = clients(world, 7);
      const asked: Awaited<ReturnType<typeof ask>>[] = [];
      for (const client of each) asked.push(await ask(world, semaphoreOf(client, 3)));
      await letGo(world, asked[goes]?.held);
      expect(asked.map(({ held }) => held !== undefined)).toEqual([true, true, true, true, false, false, false]);
      const rest = [0, 1, 2, 3].filter((i) => i !== goes).map((i) => asked[i]?.held);
      await world.until(Promise.all(rest.map((held) => held?.release())));
      await world.advance(10);
      expect(asked.map(({ held }) => held !== undefined)).toEqual([true, true, true, true, true, true, true]);
      await letGo(world, ...asked.slice(4).map(({ held }) => held));
      await tidy(world, each[0] as Client);
    }),
  );

  it('SEM-5: a holder whose lease ended makes room, too', () =>
    inWorld(async (world) => {
      const [a, b, c] = clients(world, 3) as [Client, Client, Client];
      const first = await ask(world, semaphoreOf(a, 2));
      const second = await ask(world, semaphoreOf(b, 2));
      const waiting = await ask(world, semaphoreOf(c, 2));
      await world.truth.leaseRevoke({ id: first.held?.leaseId ?? 0n });
      await world.advance(10);
      expect(waiting.held?.held).toBe(true);
      await letGo(world, second.held, waiting.held);
      await tidy(world, c);
    }));

  it('SEM-5: one that goes wakes the next and the one behind it, and nobody else of a long line', () =>
    inWorld(async (world) => {
      const each = clients(world, 40);
      const asked: Awaited<ReturnType<typeof ask>>[] = [];
      for (const client of each) asked.push(await ask(world, semaphoreOf(client, 2)));
      const before = each.map(({ store }) => store.counts.txn);
      await letGo(world, asked[0]?.held);
      const looks = each.map(({ store }, i) => store.counts.txn - (before[i] ?? 0));
      // The holder's release; the next one's look and touch; two looks of the one that is first now.
      expect(looks).toEqual([1, 0, 2, 2, ...Array.from({ length: 36 }, () => 0)]);
      expect(asked[2]?.held?.held).toBe(true);
      for (let i = 1; i < 40; i++) await letGo(world, asked[i]?.held);
      await tidy(world, each[0] as Client);
    }));

  it('SEM-5: a waiter whose first verdict could not be read at once tells the next one of its turn', () =>
    inWorld(async (world) => {
      const [a, b, c] = clients(world, 3) as [Client, Client, Client];
      const first = await ask(world, semaphoreOf(a, 1));
      // The answer is lost: the place is found by another read than the one that made it.
      await world.until(b.conclave.session.open());
      b.store.loseReply('txn');
      const second = semaphoreOf(b, 1).acquire();
      await world.settle();
      const third = await ask(world, semaphoreOf(c, 1));
      await letGo(world, first.held);
      await letGo(world, await world.until(second));
      expect(third.held?.held).toBe(true);
      await letGo(world, third.held);
      await tidy(world, a);
    }));

  it('SEM-8: more permits than declared are waited for as long as the caller says', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      const semaphore = conclave.semaphore('s', { permits: 1 });
      await world.until(semaphore.setPermits(3));
      store.partition();
      const [refused, startMs] = [
        errorOf(semaphore.acquire({ permits: 2, timeoutMs: 1_000 })),
        world.sim.monotonicMs(),
      ];
      expect(await world.until(refused)).toMatchObject({
        code: 'TIMEOUT',
        message: expect.stringContaining('1000 ms'),
      });
      expect(world.sim.monotonicMs() - startMs).toBe(1_000);
      store.heal();
      await world.until(semaphore.delete());
    }));

  it('SEM-9: free permits cost one round trip, their release one, a waiter two watches and one key', () =>
    inWorld(async (world) => {
      const [a, b, c] = clients(world, 3) as [Client, Client, Client];
      for (const { conclave } of [a, b, c]) await world.until(conclave.session.open());
      await letGo(world, (await ask(world, semaphoreOf(a, 1))).held);
      expect(a.store.counts.txn).toBe(3);
      const held = await world.until(semaphoreOf(b, 1).acquire());
      expect(b.store.counts).toMatchObject({ txn: 1, range: 0, watch: 0 });
      const next = await ask(world, semaphoreOf(c, 1));
      const last = await ask(world, semaphoreOf(a, 1));
      expect([c.store.openWatches, a.store.openWatches]).toEqual([2, 2]);
      expect(await world.keys('semaphores/s/p.')).toHaveLength(3);
      expect(c.store.counts).toMatchObject({ txn: 2, watch: 2 });
      await letGo(world, held);
      expect(b.store.counts.txn).toBe(2);
      await letGo(world, next.held);
      await letGo(world, last.held);
      await tidy(world, a);
    }));

  it('SEM-9: a look reads no more keys than may hold, however long the line is', () =>
    inWorld(async (world) => {
      const [a] = clients(world, 1) as [Client];
      const semaphore = semaphoreOf(a, 2);
      const all = Array.from({ length: 100 }, () => ask(world, semaphore));
      const asked: Awaited<ReturnType<typeof ask>>[] = [];
      for (const each of all) asked.push(await each);
      const limits = a.store.log.flatMap(({ request }) => {
        const { success = [] } = request as { success?: { type: string; request: { limit?: bigint } }[] };
        return success.filter(({ type, request: { limit } }) => type === 'range' && limit !== undefined);
      });
      expect(limits.length).toBeGreaterThan(100);
      expect(new Set(limits.map(({ request: { limit } }) => limit))).toEqual(new Set([3n]));
      for (const each of asked) await letGo(world, await world.until(each.done));
      await tidy(world, a);
    }));
});

describe('tryAcquire()', () => {
  it('SEM-6: takes what fits in beside others, writes nothing when it does not, overtakes nobody', () =>
    inWorld(async (world) => {
      const [a, b, c] = clients(world, 3) as [Client, Client, Client];
      const first = await world.until(semaphoreOf(a, 3).tryAcquire({ permits: 2 }));
      await world.until(b.conclave.session.open());
      const { revision } = world.host.stats();
      expect(await world.until(semaphoreOf(b, 3).tryAcquire({ permits: 2 }))).toBeNull();
      expect(b.store.counts).toMatchObject({ txn: 1, range: 0, watch: 0 });
      expect(world.host.stats().revision).toBe(revision);
      const second = await world.until(semaphoreOf(b, 3).tryAcquire());
      expect(second?.held).toBe(true);
      expect(b.store.counts.txn).toBe(3);
      await letGo(world, second);
      const heavy = await ask(world, semaphoreOf(c, 3), 3);
      expect(await world.until(semaphoreOf(b, 3).tryAcquire())).toBeNull();
      await letGo(world, first);
      await letGo(world, heavy.held);
      const alone = await world.until(semaphoreOf(b, 3).tryAcquire({ permits: 3 }));
      expect(alone?.held).toBe(true);
      await letGo(world, alone);
      await tidy(world, a);
    }));

  it('SEM-6: takes no more than there are since setPermits', () =>
    inWorld(async (world) => {
      const [a] = clients(world, 1) as [Client];
      const semaphore = semaphoreOf(a, 3);
      await world.until(semaphore.setPermits(1));
      expect(await world.until(semaphore.tryAcquire({ permits: 2 }))).toBeNull();
      const held = await world.until(semaphore.tryAcquire());
      expect(await world.until(semaphore.tryAcquire())).toBeNull();
      await letGo(world, held);
      await tidy(world, a);
    }));
});

describe('setPermits()', () => {
  it('SEM-4: more of them wake who waits, for all users', () =>
    inWorld(async (world) => {
      const each = clients(world, 5);
      const asked: Awaited<ReturnType<typeof ask>>[] = [];
      for (const client of each) asked.push(await ask(world, semaphoreOf(client, 1)));
      await world.until(semaphoreOf(each[4] as Client, 1).setPermits(4));
      await world.advance(10);
      expect(asked.map(({ held }) => held !== undefined)).toEqual([true, true, true, true, false]);
      // Who declares the old number goes on.
      await letGo(world, asked[0]?.held);
      expect(asked[4]?.held?.held).toBe(true);
      const heavy = await ask(world, semaphoreOf(each[0] as Client, 1), 4);
      await letGo(world, ...asked.slice(1).map(({ held }) => held));
      expect(heavy.held?.held).toBe(true);
      await letGo(world, heavy.held);
      await tidy(world, each[0] as Client);
    }));

  it.each([
    [0, 1],
    [1, 2],
    [2, 0],
  ])('SEM-4: with fewer, holders keep theirs and no wake-up is lost: %s and %s go first', (first, second) =>
    inWorld(async (world) => {
      const each = clients(world, 5);
      const asked: Awaited<ReturnType<typeof ask>>[] = [];
      for (const client of each) asked.push(await ask(world, semaphoreOf(client, 3)));
      await world.until(semaphoreOf(each[4] as Client, 3).setPermits(2));
      await letGo(world, asked[first]?.held);
      expect([0, 1, 2].filter((i) => i !== first).map((i) => asked[i]?.held?.held)).toEqual([true, true]);
      expect(asked.slice(3).map(({ held }) => held)).toEqual([undefined, undefined]);
      await letGo(world, asked[second]?.held);
      expect(asked.slice(3).map(({ held }) => held !== undefined)).toEqual([true, false]);
      const third = [0, 1, 2].find((i) => i !== first && i !== second) as number;
      await letGo(world, asked[third]?.held);
      expect(asked[4]?.held?.held).toBe(true);
      await letGo(world, asked[3]?.held, asked[4]?.held);
      await tidy(world, each[0] as Client);
    }),
  );

  it('SEM-4: a waiter that came after the permits became fewer misses no wake-up either', () =>
    inWorld(async (world) => {
      const each = clients(world, 4);
      const asked: Awaited<ReturnType<typeof ask>>[] = [];
      for (const client of each.slice(0, 3)) asked.push(await ask(world, semaphoreOf(client, 3)));
      await world.until(semaphoreOf(each[0] as Client, 3).setPermits(2));
      const late = await ask(world, semaphoreOf(each[3] as Client, 3));
      await letGo(world, asked[0]?.held);
      expect(late.held).toBeUndefined();
      await letGo(world, asked[1]?.held);
      expect(late.held?.held).toBe(true);
      await letGo(world, asked[2]?.held, late.held);
      await tidy(world, each[0] as Client);
    }));

  it('SEM-4: with none, nobody gets any until there are some', () =>
    inWorld(async (world) => {
      const [a, b] = clients(world, 2) as [Client, Client];
      await world.until(semaphoreOf(a, 2).setPermits(0));
      const asked = await ask(world, semaphoreOf(b, 2));
      await world.advance(30_000);
      expect(asked.held).toBeUndefined();
      await world.until(semaphoreOf(a, 2).setPermits(1));
      await world.advance(10);
      expect(asked.held?.held).toBe(true);
      await letGo(world, asked.held);
      await tidy(world, a);
    }));

  it('SEM-4: is stopped by its timeout', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      store.partition();
      const error = errorOf(conclave.semaphore('s', { permits: 1 }).setPermits(2, { timeoutMs: 300 }));
      expect(await world.until(error)).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
      store.heal();
      await world.advance(10_000);
    }));
});

describe('bad input', () => {
  it('SEM-3: another number of permits is a mismatch, before and after setPermits, and nothing stays', () =>
    inWorld(async (world) => {
      const [a, b] = clients(world, 2) as [Client, Client];
      const held = await world.until(semaphoreOf(a, 3).acquire());
      const keys = (await world.keys()).length;
      const mismatch = { code: 'MISMATCH', retryable: false, outcome: 'not-applied' };
      for (const permits of [2, 4]) {
        const other = semaphoreOf(b, permits);
        expect(await world.until(errorOf(other.acquire()))).toMatchObject(mismatch);
        expect(await world.until(errorOf(other.tryAcquire()))).toMatchObject(mismatch);
        expect(await world.until(errorOf(other.setPermits(4)))).toMatchObject(mismatch);
      }
      expect(await world.keys()).toHaveLength(keys);
      await world.until(semaphoreOf(b, 3).setPermits(4));
      expect(await world.until(errorOf(semaphoreOf(b, 4).acquire()))).toMatchObject(mismatch);
      await letGo(world, held);
      expect(await world.until(errorOf(semaphoreOf(b, 4).acquire()))).toMatchObject(mismatch);
      await tidy(world, a);
    }));

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '2', undefined, null])(
    'SEM-7: %s permits are refused',
    (bad) =>
      inWorld(async (world) => {
        const { conclave, store } = world.client();
        const permits = bad as number;
        const refused = { code: 'INVALID_ARGUMENT' };
        expect(() => conclave.semaphore('s', { permits })).toThrow(expect.objectContaining(refused));
        const semaphore = conclave.semaphore('s', { permits: 3 });
        if (bad !== undefined) {
          expect(await errorOf(semaphore.acquire({ permits }))).toMatchObject(refused);
          expect(await errorOf(semaphore.tryAcquire({ permits }))).toMatchObject(refused);
        }
        if (bad !== 0) expect(await errorOf(semaphore.setPermits(permits))).toMatchObject(refused);
        expect(store.total).toBe(0);
      }),
  );

  it('SEM-7: more permits than there are is refused, also when there were more for a while', () =>
    inWorld(async (world) => {
      const [a] = clients(world, 1) as [Client];
      const semaphore = semaphoreOf(a, 3);
      const refused = { code: 'INVALID_ARGUMENT' };
      expect(await world.until(errorOf(semaphore.acquire({ permits: 4 })))).toMatchObject(refused);
      expect(await world.keys()).toEqual([]);
      await world.until(semaphore.setPermits(5));
      await letGo(world, await world.until(semaphore.acquire({ permits: 5 })));
      await world.until(semaphore.setPermits(3));
      expect(await world.until(errorOf(semaphore.tryAcquire({ permits: 4 })))).toMatchObject(refused);
      expect(await world.keys('semaphores/s/p.')).toEqual([]);
      await tidy(world, a);
    }));

  it.each(['', 7 as unknown as string])('SEM-7: the name %j is refused', (name) =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      expect(() => conclave.semaphore(name, { permits: 1 })).toThrow(expect.objectContaining({ code: 'INVALID_NAME' }));
    }),
  );

  it.each(['a/b', '/abs', 'ä/日\u0000\n', 'p.x', '/'])('SEM-1: the name %j is like any other', (name) =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const semaphore = conclave.semaphore(name, { permits: 1 });
      const held = await world.until(semaphore.acquire());
      const nested = conclave.semaphore(`${name}/p.`, { permits: 2 });
      const below = await world.until(nested.acquire({ permits: 2 }));
      expect(await world.until(semaphore.tryAcquire())).toBeNull();
      await letGo(world, held);
      const again = await world.until(semaphore.tryAcquire());
      expect(again?.held).toBe(true);
      await letGo(world, again, below);
      expect([await world.until(nested.delete()), await world.until(semaphore.delete())]).toEqual([true, true]);
    }),
  );
});

describe('inspect() and delete()', () => {
  it('SEM-10: shows permits, holders and waiters, with what each has or wants', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs, label: 'ada' }), world.client({ ttlMs, label: 'bob' })];
      const semaphore = semaphoreOf(a, 3);
      expect(await world.until(semaphore.inspect())).toEqual({
        name: 's',
        permits: 3,
        available: 3,
        holders: [],
        waiters: [],
      });
      const held = await world.until(semaphore.acquire({ permits: 2 }));
      const waiting = await ask(world, semaphoreOf(b, 3), 2);
      const state = await world.until(semaphore.inspect());
      expect(state).toMatchObject({ permits: 3, available: 1 });
      expect(state.holders).toMatchObject([{ label: 'ada', permits: 2, fence: held.fence, key: held.key, ageMs: 100 }]);
      expect(state.waiters).toMatchObject([{ label: 'bob', permits: 2, ageMs: 100 }]);
      await world.until(semaphore.setPermits(5));
      await world.advance(10);
      expect(await world.until(semaphore.inspect())).toMatchObject({ permits: 5, available: 1, waiters: [] });
      expect(await world.until(semaphore.delete())).toBe(false);
      await letGo(world, held, waiting.held);
      await tidy(world, a);
      expect(await world.until(semaphore.inspect())).toMatchObject({ permits: 3, available: 3 });
    }));
});
