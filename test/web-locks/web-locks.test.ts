import { describe, expect, it } from 'vitest';
import type { Conclave } from '../../src/conclave.js';
import { utf8 } from '../../src/core/bytes.js';
import { deferred } from '../../src/core/deferred.js';
import type { WebLock } from '../../src/web-locks/web-lock.js';
import type { WebLockOptions } from '../../src/web-locks/web-lock-options.js';
import { errorOf, inWorld, type SimWorld } from '../support/sim-world.js';

/** A request whose callback stays until it is told to end. */
class Request {
  readonly got = deferred<WebLock>();
  readonly end = deferred<string>();
  readonly done: Promise<string>;
  granted = false;

  constructor(conclave: Conclave, name: string, options: Omit<WebLockOptions, 'ifAvailable'> = {}) {
    this.done = conclave.locks.request(name, options, (lock) => {
      this.granted = true;
      this.got.resolve(lock);
      return this.end.promise;
    });
    this.done.catch(() => {});
  }

  async finish(world: SimWorld): Promise<void> {
    this.end.resolve('done');
    expect(await world.until(this.done)).toBe('done');
  }
}

const ttlMs = 60_000;

describe('locks.request', () => {
  it('WEBLOCKS-1: gives name and mode, holds until the callback’s promise has settled, gives its result', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const first = new Request(a.conclave, 'x');
      expect(await world.until(first.got.promise)).toMatchObject({ name: 'x', mode: 'exclusive' });
      const second = new Request(b.conclave, 'x');
      await world.advance(5_000);
      expect(second.granted).toBe(false);
      await first.finish(world);
      // By then it has been let go.
      expect((await world.keys('locks/x/')).length).toBe(1);
      await world.until(second.got.promise);
      await second.finish(world);
      expect(await world.keys('locks/')).toEqual([]);
    }));

  it('WEBLOCKS-1: a callback that is not async holds while it runs; what it throws rejects, and lets go', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      expect(await world.until(conclave.locks.request('x', () => 5))).toBe(5);
      const mine = new Error('mine');
      const throwing = () => {
        throw mine;
      };
      expect(await world.until(errorOf(conclave.locks.request('x', throwing)))).toBe(mine);
      expect(await world.until(errorOf(conclave.locks.request('x', async () => throwing())))).toBe(mine);
      const nested = conclave.locks.request('x', () => conclave.locks.request('y', ({ name }) => name));
      expect(await world.until(nested)).toBe('y');
      expect(await world.keys('locks/')).toEqual([]);
    }));

  it('WEBLOCKS-2: exclusive ones go one after the other in the order of the calls, also within one process', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const order: number[] = [];
      store.delay('txn', { requestMs: 300, replyMs: 10 });
      store.loseReply('txn', 1);
      const all = [1, 2, 3, 4].map((i) => conclave.locks.request('x', () => order.push(i)));
      await world.until(Promise.all(all));
      expect(order).toEqual([1, 2, 3, 4]);
    }));

  it('WEBLOCKS-2: shared ones hold together, not beside an exclusive one, and not past one that waits', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const readers = [
        new Request(a.conclave, 'x', { mode: 'shared' }),
        new Request(b.conclave, 'x', { mode: 'shared' }),
      ];
      for (const reader of readers) {
        expect(await world.until(reader.got.promise)).toMatchObject({ name: 'x', mode: 'shared' });
      }
      const writer = new Request(a.conclave, 'x');
      await world.settle();
      const late = new Request(b.conclave, 'x', { mode: 'shared' });
      await world.advance(1_000);
      expect([writer.granted, late.granted]).toEqual([false, false]);
      for (const reader of readers) await reader.finish(world);
      await world.until(writer.got.promise);
      expect(late.granted).toBe(false);
      await writer.finish(world);
      await world.until(late.got.promise);
      await late.finish(world);
    }));

  it('WEBLOCKS-2: stands in one line with lock() and rwLock()', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const held = await world.until(a.conclave.lock('x'));
      const request = new Request(b.conclave, 'x', { mode: 'shared' });
      await world.settle();
      expect(request.granted).toBe(false);
      await world.until(held.release());
      await world.until(request.got.promise);
      const reader = await world.until(a.conclave.rwLock('x').tryRead());
      expect(reader?.held).toBe(true);
      expect(await world.until(a.conclave.tryLock('x'))).toBeNull();
      await world.until(reader?.release() ?? Promise.resolve());
      await request.finish(world);
    }));

  it('WEBLOCKS-3: ifAvailable gets what is free, else null, and leaves nothing', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const ask = (conclave: Conclave, mode: 'exclusive' | 'shared') =>
        world.until(conclave.locks.request('x', { ifAvailable: true, mode }, (lock) => lock?.mode ?? null));
      expect(await ask(a.conclave, 'exclusive')).toBe('exclusive');
      const reader = new Request(a.conclave, 'x', { mode: 'shared' });
      await world.until(reader.got.promise);
      expect(await ask(b.conclave, 'shared')).toBe('shared');
      expect(await ask(b.conclave, 'exclusive')).toBeNull();
      const writer = new Request(a.conclave, 'x');
      await world.settle();
      // Somebody stands before it.
      expect(await ask(b.conclave, 'shared')).toBeNull();
      expect((await world.keys('locks/')).length).toBe(2);
      const failed = new Error('mine');
      const throwing = () => Promise.reject(failed);
      expect(await world.until(errorOf(b.conclave.locks.request('x', { ifAvailable: true }, throwing)))).toBe(failed);
      await reader.finish(world);
      await world.until(writer.got.promise);
      await writer.finish(world);
    }));

  it('WEBLOCKS-5: an abort while it waits rejects with the reason and lets the next one in', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const reader = new Request(a.conclave, 'x', { mode: 'shared' });
      await world.until(reader.got.promise);
      const controller = new AbortController();
      const writer = new Request(a.conclave, 'x', { signal: controller.signal });
      await world.settle();
      const next = new Request(b.conclave, 'x', { mode: 'shared' });
      await world.settle();
      controller.abort();
      expect(await world.until(errorOf(writer.done))).toBe(controller.signal.reason);
      expect(controller.signal.reason).toMatchObject({ name: 'AbortError' });
      await world.until(next.got.promise);
      expect(writer.granted).toBe(false);
      await reader.finish(world);
      await next.finish(world);
    }));

  it('WEBLOCKS-5: an abort at once keeps the callback from running though the lock is free', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const controller = new AbortController();
      const request = new Request(conclave, 'x', { signal: controller.signal });
      controller.abort('enough');
      expect(await world.until(errorOf(request.done))).toBe('enough');
      expect(await world.until(conclave.locks.request('x', () => 'next'))).toBe('next');
      expect(request.granted).toBe(false);
    }));

  it('WEBLOCKS-5: an abort after the grant is ignored', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const controller = new AbortController();
      const request = new Request(conclave, 'x', { signal: controller.signal });
      const lock = await world.until(request.got.promise);
      controller.abort();
      await world.advance(1_000);
      expect(lock.signal.aborted).toBe(false);
      await request.finish(world);
    }));

  it('WEBLOCKS-7: names are whatever text: empty, with slashes, with NUL, with half a surrogate pair', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const names = ['', 'a', 'a/', 'a/b', '/abs', '\0', ' ', 'ä', '\ud800', '\udc00', '\ufffd', '\ud83d\ude00'];
      const all = names.map((name) => new Request(conclave, name));
      for (const request of all) await world.until(request.got.promise);
      const { held, pending } = await world.until(conclave.locks.query());
      expect(held.map(({ name }) => name).sort()).toEqual([...names].sort());
      expect(pending).toEqual([]);
      for (const request of all) await request.finish(world);
      expect((await world.until(conclave.locks.query())).held).toEqual([]);
    }));

  it('WEBLOCKS-9: a lost lock rejects with AbortError while the callback goes on; its end changes nothing', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const request = new Request(conclave, 'x');
      const lock = await world.until(request.got.promise);
      const { leaseId } = conclave.session;
      await world.advance(200);
      await world.truth.leaseRevoke({ id: leaseId });
      const error = await world.until(errorOf(request.done));
      expect(error).toBeInstanceOf(DOMException);
      expect(error).toMatchObject({ name: 'AbortError', cause: { code: expect.stringMatching(/LOST/) } });
      const next = new Request(conclave, 'x');
      await world.until(next.got.promise);
      request.end.resolve('late');
      await world.advance(1_000);
      expect(lock.signal.aborted).toBe(true);
      expect((await world.keys('locks/x/')).length).toBe(1);
      await next.finish(world);
    }));

  it('WEBLOCKS-9: a process that stood still sees at its first look that the lock is gone, before any timer runs', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs: 2_000 }), world.client({ ttlMs })];
      const request = new Request(a.conclave, 'x');
      const lock = await world.until(request.got.promise);
      expect([lock.held, lock.remainingMs > 0]).toEqual([true, true]);
      const next = new Request(b.conclave, 'x');
      await world.settle();
      a.runtime.stall();
      a.store.partition();
      await world.until(next.got.promise);
      expect([lock.held, lock.remainingMs, lock.signal.aborted]).toEqual([false, 0, true]);
      a.runtime.resume();
      a.store.heal();
      expect(await world.until(errorOf(request.done))).toMatchObject({ name: 'AbortError' });
      request.end.resolve('late');
      await next.finish(world);
    }));

  it('WEBLOCKS-9: what the callback throws is not taken for a loss of this lock', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const other = await world.until(conclave.lock('y'));
      await world.until(conclave.breakLock('y', { ifFence: other.fence }));
      await world.advance(200);
      const throwing = () => {
        throw other.signal.reason;
      };
      expect(await world.until(errorOf(conclave.locks.request('x', throwing)))).toMatchObject({ code: 'LOST' });
    }));

  it('WEBLOCKS-9: one that waits when its place or its session is lost asks anew', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const first = new Request(a.conclave, 'x');
      await world.until(first.got.promise);
      const waiting = new Request(b.conclave, 'x');
      await world.settle();
      const lost = b.conclave.session.leaseId;
      await world.truth.leaseRevoke({ id: lost });
      await world.advance(1_000);
      const [, place] = await world.keys('locks/x/');
      expect(place?.lease).not.toBe(lost);
      await world.truth.txn({ success: [{ type: 'deleteRange', request: { key: place?.key ?? utf8('') } }] });
      await world.advance(1_000);
      expect((await world.keys('locks/x/')).length).toBe(2);
      await first.finish(world);
      await world.until(waiting.got.promise);
      await waiting.finish(world);
    }));

  it('WEBLOCKS-9: a closed connection rejects with AbortError, who waits and who holds', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const [first, other] = [new Request(a.conclave, 'x'), new Request(b.conclave, 'y')];
      await world.until(Promise.all([first.got.promise, other.got.promise]));
      const waiting = new Request(b.conclave, 'x');
      await world.settle();
      const errors = [errorOf(waiting.done), errorOf(other.done)];
      await world.until(b.conclave.close());
      for (const error of errors) expect(await world.until(error)).toMatchObject({ name: 'AbortError' });
      expect(await errorOf(b.conclave.locks.request('x', () => 1))).toMatchObject({ name: 'AbortError' });
      await first.finish(world);
    }));
});

describe('locks.query', () => {
  it('WEBLOCKS-8: is empty when there is nothing', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      expect(await world.until(conclave.locks.query())).toEqual({ held: [], pending: [] });
    }));

  it('WEBLOCKS-8: shows held and pending in order, with mode and client, also requests that were only just made', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const requests = [
        new Request(a.conclave, 'x', { mode: 'shared' }),
        new Request(a.conclave, 'x'),
        new Request(a.conclave, 'x', { mode: 'shared' }),
        new Request(a.conclave, '/abs'),
      ];
      const one = await world.until(a.conclave.locks.query());
      const clientId = a.conclave.session.leaseId.toString(16);
      expect(one).toEqual({
        held: [
          { name: 'x', mode: 'shared', clientId },
          { name: '/abs', mode: 'exclusive', clientId },
        ],
        pending: [
          { name: 'x', mode: 'exclusive', clientId },
          { name: 'x', mode: 'shared', clientId },
        ],
      });
      const more = new Request(b.conclave, 'x');
      const two = await world.until(b.conclave.locks.query());
      const other = b.conclave.session.leaseId.toString(16);
      expect(other).not.toBe(clientId);
      expect(two.pending.at(-1)).toEqual({ name: 'x', mode: 'exclusive', clientId: other });
      for (const request of [...requests, more]) {
        await world.until(request.got.promise);
        await request.finish(world);
      }
    }));
});
