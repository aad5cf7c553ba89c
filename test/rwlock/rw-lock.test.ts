import { describe, expect, it } from 'vitest';
import type { LockHeld } from '../../src/line/held.js';
import { createdAt, put, remove } from '../../src/store/ops.js';
import { type Client, errorOf, inWorld, type SimWorld } from '../support/sim-world.js';

const ttlMs = 60_000;

/** Asks, and gives what came of it so far. */
async function ask(world: SimWorld, waiting: Promise<LockHeld>): Promise<{ held?: LockHeld; done: Promise<LockHeld> }> {
  const asked: { held?: LockHeld; done: Promise<LockHeld> } = { done: waiting };
  waiting.then(
    (held) => {
      asked.held = held;
    },
    () => {},
  );
  await world.advance(100);
  return asked;
}

function clients(world: SimWorld, count: number): Client[] {
  return Array.from({ length: count }, () => world.client({ ttlMs }));
}

async function letGo(world: SimWorld, ...helds: (LockHeld | null | undefined)[]): Promise<void> {
  for (const held of helds) if (held) await world.until(held.release());
}

describe('a read-write lock', () => {
  it('RWLOCK-1: many read at once, one writes alone', () =>
    inWorld(async (world) => {
      const [a, b, c] = clients(world, 3) as [Client, Client, Client];
      const readers = [
        await ask(world, a.conclave.rwLock('x').read()),
        await ask(world, b.conclave.rwLock('x').read()),
      ];
      expect(readers.map(({ held }) => held?.held)).toEqual([true, true]);
      const writer = await ask(world, c.conclave.rwLock('x').write());
      await letGo(world, readers[0]?.held);
      await world.advance(30_000);
      expect(writer.held).toBeUndefined();
      await letGo(world, readers[1]?.held);
      await world.until(writer.done);
      expect(writer.held?.mode).toBe('write');
      const late = await ask(world, a.conclave.rwLock('x').read());
      await world.advance(30_000);
      expect(late.held).toBeUndefined();
      await letGo(world, writer.held);
      await letGo(world, await world.until(late.done));
    }));

  it('RWLOCK-1: two callers of one process exclude each other', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const writer = await world.until(conclave.rwLock('x').write());
      const reader = await ask(world, conclave.rwLock('x').read());
      expect(reader.held).toBeUndefined();
      await letGo(world, writer);
      await letGo(world, await world.until(reader.done));
    }));

  it('RWLOCK-1: lock() is the writer of the name', () =>
    inWorld(async (world) => {
      const [a, b] = clients(world, 2) as [Client, Client];
      const held = await world.until(a.conclave.lock('x'));
      expect(await world.until(b.conclave.rwLock('x').tryRead())).toBeNull();
      await world.until(held.release());
      const reader = await world.until(b.conclave.rwLock('x').read());
      expect(await world.until(a.conclave.tryLock('x'))).toBeNull();
      await letGo(world, reader);
    }));

  it('RWLOCK-2: a writer that waits lets no later reader in, and is not starved', () =>
    inWorld(async (world) => {
      const [a, b, c] = clients(world, 3) as [Client, Client, Client];
      const first = await world.until(a.conclave.rwLock('x').read());
      const writer = await ask(world, b.conclave.rwLock('x').write());
      const later = [await ask(world, c.conclave.rwLock('x').read()), await ask(world, a.conclave.rwLock('x').read())];
      await world.advance(30_000);
      expect([writer.held, ...later.map(({ held }) => held)]).toEqual([undefined, undefined, undefined]);
      await letGo(world, first);
      await world.until(writer.done);
      expect(later.map(({ held }) => held)).toEqual([undefined, undefined]);
      await letGo(world, writer.held);
      const releasedMs = world.sim.nowMs;
      await letGo(world, ...(await world.until(Promise.all(later.map(({ done }) => done)))));
      expect(world.sim.nowMs).toBe(releasedMs);
    }));

  it('RWLOCK-2: a writer that gives up lets the readers behind it in', () =>
    inWorld(async (world) => {
      const [a, b, c] = clients(world, 3) as [Client, Client, Client];
      const first = await world.until(a.conclave.rwLock('x').read());
      const aborts = new AbortController();
      const writer = errorOf(b.conclave.rwLock('x').write({ signal: aborts.signal }));
      await world.advance(100);
      const reader = await ask(world, c.conclave.rwLock('x').read());
      expect(reader.held).toBeUndefined();
      aborts.abort('enough');
      expect(await world.until(writer)).toBe('enough');
      await letGo(world, first, await world.until(reader.done));
    }));

  it('RWLOCK-4: tryRead and tryWrite cost one round trip and write nothing when it is not their turn', () =>
    inWorld(async (world) => {
      const [a, b] = clients(world, 2) as [Client, Client];
      await world.until(b.conclave.session.open());
      const reader = await world.until(a.conclave.rwLock('x').read());
      const { revision } = world.host.stats();
      expect(await world.until(b.conclave.rwLock('x').tryWrite())).toBeNull();
      expect(world.host.stats().revision).toBe(revision);
      expect(b.store.counts).toMatchObject({ txn: 1, range: 0, watch: 0 });
      const beside = await world.until(b.conclave.rwLock('x').tryRead());
      expect(beside?.held).toBe(true);
      expect(b.store.counts).toMatchObject({ txn: 2, range: 0, watch: 0 });
      const writer = await ask(world, a.conclave.rwLock('x').write());
      // The writer waits: nobody goes before it.
      expect(await world.until(b.conclave.rwLock('x').tryRead())).toBeNull();
      expect(b.store.counts).toMatchObject({ txn: 3, range: 0 });
      await letGo(world, reader, beside);
      await letGo(world, await world.until(writer.done));
    }));

  it('RWLOCK-4: tryRead beside a writer that only reads now', () =>
    inWorld(async (world) => {
      const [a, b] = clients(world, 2) as [Client, Client];
      const writer = await world.until(a.conclave.rwLock('x').write());
      await world.until(writer.downgrade());
      const reader = await world.until(b.conclave.rwLock('x').tryRead());
      expect(reader?.held).toBe(true);
      const waiting = await ask(world, a.conclave.rwLock('x').write());
      expect(await world.until(b.conclave.rwLock('x').tryRead())).toBeNull();
      expect(await world.keys('locks/')).toHaveLength(3);
      await letGo(world, writer, reader);
      await letGo(world, await world.until(waiting.done));
    }));

  it('RWLOCK-5: fences grow, and a guard holds as long as its place', () =>
    inWorld(async (world) => {
      const [a, b] = clients(world, 2) as [Client, Client];
      const reader = await world.until(a.conclave.rwLock('x').read());
      const waiting = b.conclave.rwLock('x').write();
      await world.advance(100);
      const guarded = (held: LockHeld) => world.until(a.conclave.txn().if(held.guard()).then(put('d', '1')).commit());
      expect((await guarded(reader)).succeeded).toBe(true);
      await letGo(world, reader);
      expect((await guarded(reader)).succeeded).toBe(false);
      const writer = await world.until(waiting);
      expect(writer.fence).toBeGreaterThan(reader.fence);
      await letGo(world, writer);
      await world.truth.txn({ success: [remove('d')] });
    }));

  it('RWLOCK-6: an abort and a timeout leave nothing', () =>
    inWorld(async (world) => {
      const [a, b] = clients(world, 2) as [Client, Client];
      const writer = await world.until(a.conclave.rwLock('x').write());
      for (const wait of ['read', 'write'] as const) {
        const error = errorOf(b.conclave.rwLock('x')[wait]({ timeoutMs: 500 }));
        expect(await world.until(error)).toMatchObject({ code: 'TIMEOUT' });
      }
      expect(await world.keys('locks/')).toHaveLength(1);
      expect(b.store.openWatches).toBe(0);
      await letGo(world, writer);
    }));

  it('RWLOCK-8: a free place costs one round trip, its release one, and a waiter two watches', () =>
    inWorld(async (world) => {
      const [a, b] = clients(world, 2) as [Client, Client];
      for (const { conclave } of [a, b]) await world.until(conclave.session.open());
      const reader = await world.until(a.conclave.rwLock('x').read());
      expect(a.store.counts).toMatchObject({ txn: 1, range: 0, watch: 0 });
      const writer = b.conclave.rwLock('x').write();
      await world.advance(50);
      expect(b.store.openWatches).toBe(2);
      expect(b.store.counts).toMatchObject({ txn: 2, watch: 2 });
      await letGo(world, reader);
      expect(a.store.counts).toMatchObject({ txn: 2, watch: 0 });
      const held = await world.until(writer);
      expect(b.store.counts.txn).toBe(3);
      await letGo(world, held);
    }));

  it('RWLOCK-8: who looks for writers reads no readers, however many there are', () =>
    inWorld(async (world) => {
      const [a, b] = clients(world, 2) as [Client, Client];
      const readers = await world.until(Promise.all(Array.from({ length: 50 }, () => a.conclave.rwLock('x').read())));
      await world.until(b.conclave.session.open());
      const last = await world.until(b.conclave.rwLock('x').read());
      expect(b.store.counts).toMatchObject({ txn: 1, range: 0 });
      expect(last.held).toBe(true);
      await letGo(world, ...readers, last);
    }));
});

describe('downgrade()', () => {
  it('RWLOCK-3: lets waiting readers in at once, and no writer, and keeps handle, fence and guard', () =>
    inWorld(async (world) => {
      const [a, b, c] = clients(world, 3) as [Client, Client, Client];
      const held = await world.until(a.conclave.rwLock('x').write());
      const { fence } = held;
      const reader = await ask(world, b.conclave.rwLock('x').read());
      const writer = await ask(world, c.conclave.rwLock('x').write());
      const downgradedMs = world.sim.nowMs;
      expect(await world.until(held.downgrade())).toBe(held);
      await world.until(reader.done);
      expect(world.sim.nowMs).toBe(downgradedMs);
      expect([held.mode, held.held, held.fence === fence]).toEqual(['read', true, true]);
      expect((await world.truth.txn({ compare: [held.guard()] })).succeeded).toBe(true);
      await world.advance(30_000);
      expect(writer.held).toBeUndefined();
      await letGo(world, reader.held);
      await world.advance(30_000);
      expect(writer.held).toBeUndefined();
      await letGo(world, held);
      await letGo(world, await world.until(writer.done));
    }));

  it('RWLOCK-3: a reader that comes after a waiting writer still waits for it', () =>
    inWorld(async (world) => {
      const [a, b, c] = clients(world, 3) as [Client, Client, Client];
      const held = await world.until(a.conclave.rwLock('x').write());
      const writer = await ask(world, b.conclave.rwLock('x').write());
      const reader = await ask(world, c.conclave.rwLock('x').read());
      await world.until(held.downgrade());
      await world.advance(30_000);
      expect([writer.held, reader.held]).toEqual([undefined, undefined]);
      await letGo(world, held);
      await letGo(world, await world.until(writer.done));
      await letGo(world, await world.until(reader.done));
    }));

  it('RWLOCK-3: is once, does nothing to a reader, and fails when nothing is held any more', () =>
    inWorld(async (world) => {
      const [a, b] = clients(world, 2) as [Client, Client];
      const held = await world.until(a.conclave.rwLock('x').write());
      const before = a.store.counts.txn;
      await world.until(Promise.all([held.downgrade(), held.downgrade()]));
      await world.until(held.downgrade());
      expect(a.store.counts.txn).toBe(before + 1);
      const reader = await world.until(b.conclave.rwLock('x').read());
      await world.until(reader.downgrade());
      await letGo(world, held, reader);
      expect(await errorOf(held.downgrade())).toMatchObject({ code: 'RELEASED' });
      const lost = await world.until(a.conclave.rwLock('x').write());
      await world.truth.txn({ compare: [createdAt(lost.key, lost.fence)], success: [remove(lost.key)] });
      expect(await world.until(errorOf(lost.downgrade()))).toMatchObject({ code: 'LOST', loss: 'key-deleted' });
    }));
});
