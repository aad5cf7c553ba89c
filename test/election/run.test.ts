import { describe, expect, it } from 'vitest';
import { deferred } from '../../src/core/deferred.js';
import type { Leadership } from '../../src/election/leadership.js';
import { etcdError } from '../../src/store/etcd-errors.js';
import { remove } from '../../src/store/ops.js';
import { errorOf, inWorld } from '../support/sim-world.js';

const ttlMs = 6_000;

/** Work that ends when it is told to. */
function untilStopped(leadership: Leadership): Promise<void> {
  return new Promise((resolve) => leadership.signal.addEventListener('abort', () => resolve(), { once: true }));
}

describe('run()', () => {
  it('ELECTION-5: leads, loses, and leads again with a higher term on a fresh lease, until it is aborted', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const controller = new AbortController();
      const terms: { readonly term: bigint; readonly leaseId: bigint }[] = [];
      const running = errorOf(
        conclave.election('e').run(
          'a',
          async (leadership) => {
            terms.push({ term: leadership.term, leaseId: leadership.leaseId });
            await untilStopped(leadership);
          },
          { signal: controller.signal },
        ),
      );
      await world.advance(1_000);
      for (let i = 1; i < 4; i++) {
        expect(terms).toHaveLength(i);
        await world.truth.leaseRevoke({ id: terms.at(-1)?.leaseId ?? 0n });
        await world.advance(5_000);
      }
      expect(terms).toHaveLength(4);
      expect(new Set(terms.map(({ leaseId }) => leaseId)).size).toBe(4);
      for (const [i, { term }] of terms.slice(1).entries()) expect(term).toBeGreaterThan(terms[i]?.term ?? 0n);
      controller.abort('enough');
      expect(await world.until(running)).toBe('enough');
      expect(await world.keys()).toEqual([]);
    }));

  it('ELECTION-5: a deleted key is a loss too, and so is a stall that nobody told of', () =>
    inWorld(async (world) => {
      const { conclave, runtime } = world.client({ ttlMs });
      const controller = new AbortController();
      const led: Leadership[] = [];
      const running = errorOf(
        conclave.election('e').run(
          'a',
          async (leadership) => {
            led.push(leadership);
            await untilStopped(leadership);
          },
          { signal: controller.signal },
        ),
      );
      await world.advance(1_000);
      await world.truth.txn({ success: [remove(led[0]?.key ?? '')] });
      await world.advance(1_000);
      expect(led).toHaveLength(2);
      runtime.jumpWall(ttlMs);
      await world.advance(20_000);
      expect(led).toHaveLength(3);
      expect(led.map(({ held }) => held)).toEqual([false, false, true]);
      controller.abort();
      await world.until(running);
    }));

  it('ELECTION-6: steps down only after the work has settled, however long that takes after the abort', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const controller = new AbortController();
      const finish = deferred();
      let leadership: Leadership | undefined;
      const running = errorOf(
        a.conclave.election('e').run(
          'a',
          (each) => {
            leadership = each;
            return finish.promise;
          },
          { signal: controller.signal },
        ),
      );
      await world.advance(100);
      const next = b.conclave.election('e').campaign('b');
      await world.advance(100);
      controller.abort('enough');
      await world.advance(60_000);
      expect(leadership?.held).toBe(true);
      expect(leadership?.signal.reason).toBe('enough');
      expect((await world.until(b.conclave.election('e').leader()))?.value).toBe('a');
      finish.resolve();
      expect(await world.until(running)).toBe('enough');
      expect((await world.until(next)).held).toBe(true);
    }));

  it('ELECTION-6: may still proclaim that it is going, and may resign itself', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const controller = new AbortController();
      let seen: string | undefined;
      const running = errorOf(
        a.conclave.election('e').run(
          'a',
          async (leadership) => {
            await untilStopped(leadership);
            await leadership.proclaim('a, going');
            seen = (await b.conclave.election('e').leader())?.value;
            await leadership.resign();
          },
          { signal: controller.signal },
        ),
      );
      await world.advance(100);
      controller.abort('enough');
      expect(await world.until(running)).toBe('enough');
      expect(seen).toBe('a, going');
    }));

  it('ELECTION-5: after work that ends by itself it stands again, behind who waits by then', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const controller = new AbortController();
      const order: string[] = [];
      const running = [a, b].map(({ conclave }, i) =>
        errorOf(
          conclave.election('e').run(
            `${i}`,
            () => {
              order.push(`${i}`);
              if (order.length === 6) controller.abort('enough');
            },
            { signal: controller.signal },
          ),
        ),
      );
      expect(await world.until(Promise.all(running))).toEqual(['enough', 'enough']);
      expect(order).toEqual(['0', '1', '0', '1', '0', '1']);
      expect(await world.keys()).toEqual([]);
    }));

  it('ELECTION-7: what the work throws while leading comes out, after stepping down', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const failed = new Error('mine');
      const running = errorOf(
        conclave.election('e').run('a', async () => {
          throw failed;
        }),
      );
      expect(await world.until(running)).toBe(failed);
      expect(await world.keys()).toEqual([]);
    }));

  it('ELECTION-7: what it throws after a loss is the consequence of the loss, and it stands again', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const controller = new AbortController();
      let led = 0;
      const running = errorOf(
        conclave.election('e').run(
          'a',
          async (leadership) => {
            led += 1;
            await untilStopped(leadership);
            throw new Error('stopped in the middle');
          },
          { signal: controller.signal },
        ),
      );
      await world.advance(1_000);
      await world.truth.leaseRevoke({ id: conclave.session.leaseId });
      await world.advance(5_000);
      expect(led).toBe(2);
      controller.abort('enough');
      expect(await world.until(running)).toBe('enough');
    }));

  it('ELECTION-7: also when the loss is a stall that no timer has told of', () =>
    inWorld(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const controller = new AbortController();
      let led = 0;
      const running = errorOf(
        conclave.election('e').run(
          'a',
          async (leadership) => {
            led += 1;
            if (led === 1) {
              world.sim.stall(ttlMs);
              throw new Error('a database call timed out meanwhile');
            }
            await untilStopped(leadership);
          },
          { signal: controller.signal },
        ),
      );
      await world.advance(20_000);
      expect(led).toBe(2);
      controller.abort('enough');
      expect(await world.until(running)).toBe('enough');
      await world.expire(1);
    }));

  it('ELECTION-5: outages of the store are waited out, before and while leading', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      const controller = new AbortController();
      let led = 0;
      store.partition();
      const running = errorOf(
        conclave.election('e').run(
          'a',
          async (leadership) => {
            led += 1;
            await untilStopped(leadership);
          },
          { signal: controller.signal },
        ),
      );
      await world.advance(60_000);
      expect(led).toBe(0);
      store.heal();
      await world.advance(10_000);
      expect(led).toBe(1);
      store.partition();
      await world.advance(60_000);
      store.heal();
      await world.advance(30_000);
      expect(led).toBe(2);
      controller.abort('enough');
      expect(await world.until(running)).toBe('enough');
    }));

  it('ELECTION-5: a lease that is gone when it stands is an outage too, even if nobody can be asked why', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      const controller = new AbortController();
      await world.until(conclave.session.open());
      await world.truth.leaseRevoke({ id: conclave.session.leaseId });
      store.loseRequest('leaseKeepAlive');
      let led = 0;
      const running = errorOf(
        conclave.election('e').run(
          'a',
          async (leadership) => {
            led += 1;
            await untilStopped(leadership);
          },
          { signal: controller.signal },
        ),
      );
      await world.advance(20_000);
      expect(led).toBe(1);
      controller.abort('enough');
      expect(await world.until(running)).toBe('enough');
    }));

  it.each(['noSpace', 'tooManyRequests'] as const)(
    'ELECTION-5: a store that has no room, or too much to do, is an outage too (%s)',
    (error) =>
      inWorld(async (world) => {
        const { conclave, store } = world.client({ ttlMs });
        await world.until(conclave.session.open());
        for (let i = 0; i < 9; i++) store.refuse('txn', etcdError(error));
        const aborts = new AbortController();
        const led: bigint[] = [];
        const work = (leadership: Leadership) => {
          led.push(leadership.term);
          aborts.abort('enough');
        };
        const running = errorOf(conclave.election('e').run('a', work, { signal: aborts.signal }));
        expect(await world.until(running)).toBe('enough');
        expect(led).toHaveLength(1);
      }),
  );

  it('ELECTION-7: what the store refuses for good comes out', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      await world.until(conclave.session.open());
      store.refuse('txn', etcdError('permissionDenied'));
      const running = errorOf(conclave.election('e').run('a', () => {}));
      expect(await world.until(running)).toMatchObject({ code: 'PERMISSION_DENIED' });
    }));

  it('ELECTION-7: the loss of a session that was passed in comes out', () =>
    inWorld(async (world) => {
      const { conclave, session } = world.client({ ttlMs });
      const own = session();
      const running = errorOf(conclave.election('e').run('a', untilStopped, { session: own }));
      await world.advance(1_000);
      await world.truth.leaseRevoke({ id: own.leaseId });
      await world.advance(5_000);
      expect(await world.until(running)).toMatchObject({ code: 'SESSION_LOST', loss: 'server' });
    }));

  it('ELECTION-7: timeoutMs limits each wait for leadership', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      await world.until(a.conclave.election('e').campaign('a'));
      const running = errorOf(b.conclave.election('e').run('b', () => {}, { timeoutMs: 700 }));
      expect(await world.until(running)).toMatchObject({ code: 'TIMEOUT' });
    }));

  it('ELECTION-5: an abort while it waits rejects with the reason and leaves nothing', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      await world.until(a.conclave.election('e').campaign('a'));
      const controller = new AbortController();
      const running = errorOf(b.conclave.election('e').run('b', () => {}, { signal: controller.signal }));
      await world.advance(100);
      controller.abort('enough');
      expect(await world.until(running)).toBe('enough');
      expect(await world.until(a.conclave.election('e').candidates())).toHaveLength(1);
    }));

  it('ELECTION-5: close() of the connection ends it with CLOSED, whether it waits or leads, and leaves no timer', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const leading = errorOf(a.conclave.election('e').run('a', untilStopped));
      await world.advance(100);
      const waiting = errorOf(b.conclave.election('e').run('b', untilStopped));
      await world.advance(100);
      const startedMs = world.sim.nowMs;
      await world.until(b.conclave.close());
      await world.until(a.conclave.close());
      expect(await world.until(Promise.all([leading, waiting]))).toMatchObject([
        { code: 'CLOSED' },
        { code: 'CLOSED' },
      ]);
      expect(world.sim.nowMs).toBe(startedMs);
    }));
});
