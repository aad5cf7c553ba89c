import { describe, expect, it } from 'vitest';
import type { HeldAll } from '../../src/line/held.js';
import type { LockEntry } from '../../src/lock-all/lock-all.js';
import { createdAt, put, remove } from '../../src/store/ops.js';
import { type Client, errorOf, inWorld, type SimWorld } from '../support/sim-world.js';

const ttlMs = 60_000;
const mixed: readonly LockEntry[] = ['b', { read: 'a' }, { semaphore: 's', of: 3, permits: 2 }, { write: 'c' }];

function clients(world: SimWorld, count: number): Client[] {
  return Array.from({ length: count }, () => world.client({ ttlMs }));
}

async function tidy(world: SimWorld): Promise<void> {
  expect(await world.keys('locks/')).toEqual([]);
  expect(await world.keys('semaphores/s/p.')).toEqual([]);
  await world.truth.txn({ success: [remove('semaphores/s/declared')] });
}

describe('lockAll()', () => {
  it('LOCKALL-2: takes free names in one round trip, and lets go of them in one', () =>
    inWorld(async (world) => {
      const [a] = clients(world, 1) as [Client];
      await world.until(a.conclave.session.open());
      const names = Array.from({ length: 50 }, (_, i) => `x${i}`);
      const held = await world.until(a.conclave.lockAll(names));
      expect(a.store.counts).toMatchObject({ txn: 1, range: 0, watch: 0 });
      expect(await world.keys('locks/')).toHaveLength(50);
      expect(held.parts.map(({ name }) => name)).toEqual(names);
      await world.until(held.release());
      expect(a.store.counts).toMatchObject({ txn: 2, range: 0 });
      expect(await world.keys()).toEqual([]);
    }));

  it('LOCKALL-1: readers, writers and permits in one list exclude whom they would by themselves', () =>
    inWorld(async (world) => {
      const [a, b] = clients(world, 2) as [Client, Client];
      const semaphore = b.conclave.semaphore('s', { permits: 3 });
      // The second time the semaphore's number is known, and one txn does it.
      for (const calls of [undefined, 1]) {
        const before = a.store.counts.txn;
        const held = await world.until(a.conclave.lockAll(mixed));
        if (calls !== undefined) expect(a.store.counts.txn - before).toBe(calls);
        expect(held.parts.map(({ name }) => name)).toEqual(['b', 'a', 's', 'c']);
        expect(held.held).toBe(true);
        const reader = await world.until(b.conclave.rwLock('a').tryRead());
        const light = await world.until(semaphore.tryAcquire());
        expect([reader?.held, light?.held]).toEqual([true, true]);
        for (const name of ['a', 'b', 'c']) expect(await world.until(b.conclave.tryLock(name))).toBeNull();
        expect(await world.until(semaphore.tryAcquire())).toBeNull();
        for (const each of [reader, light, held]) await world.until(each?.release() ?? Promise.resolve());
      }
      await tidy(world);
    }));

  it('LOCKALL-1: waits for what is busy, keeping what it has got, and gives all', () =>
    inWorld(async (world) => {
      const [a, b] = clients(world, 2) as [Client, Client];
      const busy = [await world.until(a.conclave.lock('b')), await world.until(a.conclave.rwLock('c').read())];
      let got: HeldAll | undefined;
      const waiting = b.conclave.lockAll(['c', 'b', 'a']).then((held) => {
        got = held;
      });
      await world.advance(500);
      expect(await world.until(a.conclave.tryLock('a'))).toBeNull();
      for (const each of busy) {
        await world.advance(30_000);
        expect(got).toBeUndefined();
        await world.until(each.release());
      }
      await world.until(waiting);
      const fences = got?.parts.map(({ fence }) => fence) ?? [];
      expect(fences).toContain(got?.fence);
      for (const fence of fences) expect(got?.fence).toBeGreaterThanOrEqual(fence);
      await world.until(got?.release() ?? Promise.resolve());
      await tidyNothing(world);
    }));

  it('LOCKALL-3: callers with the same names in any order all come to an end', () =>
    inWorld(async (world) => {
      const each = clients(world, 4);
      const orders = [
        ['a', 'b', 'c'],
        ['c', 'b', 'a'],
        ['b', 'c'],
        ['c', 'a'],
      ];
      let inside = 0;
      let most = 0;
      const work = async ({ conclave, runtime }: Client, names: readonly string[]) => {
        for (let i = 0; i < 5; i++) {
          const held = await conclave.lockAll(names);
          inside += 1;
          most = Math.max(most, inside);
          await new Promise<void>((resolve) => runtime.setTimer(20, resolve));
          inside -= 1;
          await held.release();
        }
      };
      await world.until(Promise.all(each.map((client, i) => work(client, orders[i] as string[]))));
      expect(most).toBe(1);
      await tidyNothing(world);
    }));

  it.each(['a', 'b', 'c'])('LOCKALL-4: an abort while %s is waited for leaves nothing of any part', (name) =>
    inWorld(async (world) => {
      const [a, b] = clients(world, 2) as [Client, Client];
      const busy = await world.until(a.conclave.lock(name));
      const aborts = new AbortController();
      const error = errorOf(b.conclave.lockAll(['a', 'b', 'c'], { signal: aborts.signal }));
      await world.advance(500);
      aborts.abort('enough');
      expect(await world.until(error)).toBe('enough');
      expect((await world.keys()).map(({ createRevision }) => createRevision)).toEqual([busy.fence]);
      expect(b.store.openWatches).toBe(0);
      const late = errorOf(b.conclave.lockAll(['a', 'b', 'c'], { timeoutMs: 300 }));
      expect(await world.until(late)).toMatchObject({ code: 'TIMEOUT' });
      expect(await world.keys()).toHaveLength(1);
      await world.until(busy.release());
    }),
  );

  it('LOCKALL-4: what was got already and is lost meanwhile fails the call, and nothing stays', () =>
    inWorld(async (world) => {
      const [a, b] = clients(world, 2) as [Client, Client];
      const busy = await world.until(a.conclave.lock('c'));
      for (const toldMs of [0, 200]) {
        const error = errorOf(b.conclave.lockAll(['a', 'b', 'c']));
        await world.advance(toldMs + 50);
        if (toldMs === 0) await world.advance(0);
        const [got] = await world.keys('locks/a/');
        await world.truth.txn({ success: [remove(got?.key ?? '')] });
        if (toldMs === 0) await world.until(busy.release());
        expect(await world.until(error)).toMatchObject({ code: 'LOST', loss: 'key-deleted' });
        await world.advance(1_500);
        if (toldMs === 0) expect(await world.keys('locks/')).toEqual([]);
        if (toldMs === 0) await world.until(a.conclave.lock('c'));
        else expect(await world.keys('locks/')).toHaveLength(1);
      }
    }));

  it('LOCKALL-5: when one part is lost so is the whole, and the rest is free a second later', () =>
    inWorld(async (world) => {
      const [a, b] = clients(world, 2) as [Client, Client];
      const held = await world.until(a.conclave.lockAll(['a', 'b']));
      await world.advance(200);
      const told: (string | undefined)[] = [];
      held.onLost(({ loss }) => told.push(loss));
      const next = b.conclave.lock('b');
      await world.truth.txn({ success: [remove(held.parts[0]?.key ?? '')] });
      await world.advance(10);
      expect([held.held, held.remainingMs, held.signal.aborted]).toEqual([false, 0, true]);
      expect(told).toEqual(['key-deleted']);
      await world.until((await world.until(next)).release());
      await world.until(held.release());
      expect(await errorOf(held.release())).toMatchObject({ code: 'RELEASED' });
      await tidyNothing(world);
    }));

  it('LOCKALL-5: the guard proves every part', () =>
    inWorld(async (world) => {
      const [a] = clients(world, 1) as [Client];
      const held = await world.until(a.conclave.lockAll(['a', 'b', 'c']));
      const guarded = () =>
        a.conclave
          .txn()
          .if(held.guard(), createdAt('other', 0n))
          .then(put('d', '', { leaseId: held.leaseId }))
          .commit();
      expect(held.guard()).toHaveLength(3);
      expect((await world.until(guarded())).succeeded).toBe(true);
      await world.truth.txn({ success: [remove(held.parts[1]?.key ?? '')] });
      expect((await world.until(guarded())).succeeded).toBe(false);
      await world.until(held[Symbol.asyncDispose]());
      await world.truth.txn({ success: [remove('d')] });
    }));

  it('LOCKALL-5: the session ends all of them, and maxHoldMs counts for the whole', () =>
    inWorld(async (world) => {
      const [a] = clients(world, 1) as [Client];
      const held = await world.until(a.conclave.lockAll(['a', 'b'], { maxHoldMs: 500 }));
      await world.advance(500);
      expect(held.signal.reason).toMatchObject({ code: 'LOST', loss: 'max-hold' });
      await world.advance(1_000);
      await tidyNothing(world);
      const again = await world.until(a.conclave.lockAll(['a', 'b']));
      await world.truth.leaseRevoke({ id: again.leaseId });
      await world.advance(200);
      expect(again.held).toBe(false);
      await world.until(again.release());
    }));

  it('LOCK-14: a part of it can be taken once more', () =>
    inWorld(async (world) => {
      const [a] = clients(world, 1) as [Client];
      const held = await world.until(a.conclave.lockAll(['a', { read: 'b' }]));
      const inner = await world.until(a.conclave.lock('a', { within: held }));
      expect(inner.fence).toBe(held.parts[0]?.fence);
      expect(await errorOf(a.conclave.lock('b', { within: held }))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      await world.until(held.release());
      expect(inner.held).toBe(false);
    }));

  it.each<[string, readonly LockEntry[], string]>([
    ['no names', [], 'INVALID_ARGUMENT'],
    ['no list', undefined as unknown as LockEntry[], 'INVALID_ARGUMENT'],
    ['one name twice', ['a', 'b', 'a'], 'INVALID_ARGUMENT'],
    ['one name to read and to write', [{ read: 'a' }, 'a'], 'INVALID_ARGUMENT'],
    ['one line by two names', ['a', '/locks/a'.slice(1), '/locks/a', 'x', 'x'], 'INVALID_ARGUMENT'],
    [
      'one semaphore twice',
      [
        { semaphore: 's', of: 3 },
        { semaphore: 's', of: 3 },
      ],
      'INVALID_ARGUMENT',
    ],
    ['an empty name', ['a', ''], 'INVALID_NAME'],
    ['too many', Array.from({ length: 129 }, (_, i) => `${i}`), 'INVALID_ARGUMENT'],
    ['something else', [{} as LockEntry], 'INVALID_ARGUMENT'],
    ['no permits', [{ semaphore: 's', of: 3, permits: 0 }], 'INVALID_ARGUMENT'],
    ['no limit', [{ semaphore: 's', of: Number.NaN }], 'INVALID_ARGUMENT'],
    ['more permits than there are', ['a', { semaphore: 's', of: 3, permits: 4 }], 'INVALID_ARGUMENT'],
  ])('LOCKALL-6: %s is refused, and nothing stays', (_, entries, code) =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      expect(await world.until(errorOf(conclave.lockAll(entries)))).toMatchObject({ code });
      expect(await world.keys()).toEqual([]);
    }),
  );

  it("LOCKALL-6: a semaphore's mismatch is told, and nothing stays", () =>
    inWorld(async (world) => {
      const [a, b] = clients(world, 2) as [Client, Client];
      await world.until((await world.until(a.conclave.semaphore('s', { permits: 3 }).acquire())).release());
      const error = errorOf(b.conclave.lockAll(['a', { semaphore: 's', of: 2 }]));
      expect(await world.until(error)).toMatchObject({ code: 'MISMATCH' });
      await tidy(world);
    }));

  it('LOCKALL-6: 128 names are taken', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const held = await world.until(conclave.lockAll(Array.from({ length: 128 }, (_, i) => `${i}`)));
      expect((await world.until(conclave.txn().if(held.guard()).commit())).succeeded).toBe(true);
      await world.until(held.release());
      await tidyNothing(world);
    }));
});

async function tidyNothing(world: SimWorld): Promise<void> {
  expect(await world.keys()).toEqual([]);
}

describe('tryLockAll()', () => {
  it('LOCKALL-8: takes all that are free, and is null with nothing written when one is busy', () =>
    inWorld(async (world) => {
      const [a, b] = clients(world, 2) as [Client, Client];
      const held = await world.until(a.conclave.tryLockAll(mixed));
      expect(held?.parts.map(({ name }) => name)).toEqual(['b', 'a', 's', 'c']);
      await world.until(b.conclave.session.open());
      const { revision } = world.host.stats();
      for (const entries of [
        mixed,
        ['z', 'c'],
        [{ write: 'a' }],
        ['y', { semaphore: 's', of: 3, permits: 2 }],
      ] as const) {
        const { total } = b.store;
        expect(await world.until(b.conclave.tryLockAll(entries))).toBeNull();
        expect(b.store.total - total).toBe(1);
      }
      expect(world.host.stats().revision).toBe(revision);
      await world.until(held?.release() ?? Promise.resolve());
      await tidy(world);
    }));

  it('LOCKALL-8: what only looks busy is tried one after the other; all or nothing all the same', () =>
    inWorld(async (world) => {
      const [a, b] = clients(world, 2) as [Client, Client];
      const semaphore = a.conclave.semaphore('s', { permits: 3 });
      const beside = [await world.until(semaphore.acquire()), await world.until(a.conclave.lock('b/below'))];
      const held = await world.until(b.conclave.tryLockAll(mixed));
      expect(held?.held).toBe(true);
      await world.until(held?.release() ?? Promise.resolve());
      // Five keys below a name: one page does not show that nobody stands in the line itself.
      for (let i = 0; i < 5; i++) beside.push(await world.until(a.conclave.lock(`b/${i}`)));
      beside.push(await world.until(a.conclave.lock('c')));
      expect(await world.until(b.conclave.tryLockAll(['b', 'c']))).toBeNull();
      expect(await world.until(b.conclave.tryLock('b'))).not.toBeNull();
      for (const each of beside) await world.until(each.release());
      await world.until(b.conclave.close());
      await tidy(world);
    }));

  it('LOCKALL-6, LOCKALL-8: refuses what lockAll refuses', () =>
    inWorld(async (world) => {
      const [a] = clients(world, 1) as [Client];
      for (const entries of [
        [],
        ['a', 'a'],
        ['a', { read: 'a' }],
        [''],
        Array.from({ length: 129 }, (_, i) => `${i}`),
      ]) {
        const error = await world.until(errorOf(a.conclave.tryLockAll(entries)));
        expect(error).toMatchObject({ code: entries[0] === '' ? 'INVALID_NAME' : 'INVALID_ARGUMENT' });
      }
      await world.until((await world.until(a.conclave.semaphore('s', { permits: 3 }).acquire())).release());
      const mismatch = errorOf(a.conclave.tryLockAll(['a', { semaphore: 's', of: 4 }]));
      expect(await world.until(mismatch)).toMatchObject({ code: 'MISMATCH' });
      await tidy(world);
    }));
});
