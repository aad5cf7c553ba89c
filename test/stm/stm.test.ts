import { describe, expect, it } from 'vitest';
import { utf8Text } from '../../src/core/bytes.js';
import type { Tx } from '../../src/stm/tx.js';
import type { KeyValue, TxnRequest } from '../../src/store/messages.js';
import { createdAt } from '../../src/store/ops.js';
import { errorOf, inWorld, type SimWorld } from '../support/sim-world.js';

const ttlMs = 60_000;

function withData(test: (world: SimWorld) => Promise<void>): Promise<void> {
  return inWorld(async (world) => {
    await test(world);
    for (const { key } of await world.keys()) {
      await world.truth.txn({ success: [{ type: 'deleteRange', request: { key } }] });
    }
  });
}

const text = (kv: KeyValue | null | undefined) => (kv ? utf8Text(kv.value) : null);
const names = (kvs: readonly KeyValue[]) => kvs.map(({ key }) => utf8Text(key));

describe('a transaction', () => {
  it('STM-1: reads one revision, whatever is written meanwhile', () =>
    withData(async (world) => {
      const [own, other] = [world.client({ ttlMs }).conclave, world.client({ ttlMs }).conclave];
      await world.until(other.stm((tx) => [tx.put('a', '1'), tx.put('b', '1')]));
      const seen = await world.until(
        own.stm(async (tx) => {
          const a = text(await tx.get('a'));
          if (tx.attempt === 1) await other.stm((inner) => [inner.put('a', '2'), inner.put('b', '2')]);
          return [a, text(await tx.get('b')), (await tx.range({ prefix: '' })).map(text)];
        }),
      );
      expect(seen.slice(0, 2)).toEqual(['1', '1']);
    }));

  it('STM-1, STM-2: sees its own writes, in ranges too; others see none before the commit', () =>
    withData(async (world) => {
      const { conclave } = world.client({ ttlMs });
      await world.until(conclave.stm((tx) => ['d/a', 'd/b', 'd/c'].map((key) => tx.put(key, 'old'))));
      const seen = await world.until(
        conclave.stm(async (tx) => {
          tx.put('d/ab', 'new');
          tx.delete('d/b');
          tx.put('elsewhere', '');
          expect(text(await tx.get('d/ab'))).toBe('new');
          expect(await tx.get('d/b')).toBeNull();
          expect(await conclave.get('d/ab')).toBeNull();
          return [names(await tx.range({ prefix: 'd/' })), names(await tx.range({ key: 'd/ab', rangeEnd: 'd/c' }))];
        }),
      );
      expect(seen).toEqual([['d/a', 'd/ab', 'd/c'], ['d/ab']]);
      expect(names((await world.until(conclave.range({ prefix: 'd/' }))).kvs)).toEqual(['d/a', 'd/ab', 'd/c']);
    }));

  it('STM-2: a key that appears or goes in a range that was read is a conflict', () =>
    withData(async (world) => {
      const [own, other] = [world.client({ ttlMs }).conclave, world.client({ ttlMs }).conclave];
      await world.until(other.put('d/a', ''));
      const interfere = [() => other.put('d/b', ''), () => other.delete('d/a'), () => other.put('e', '')];
      const counts: number[] = [];
      const attempts = await world.until(
        own.stm(async (tx) => {
          counts.push((await tx.range({ prefix: 'd/' })).length);
          await interfere[tx.attempt - 1]?.();
          tx.put('count', `${counts.at(-1)}`);
          return tx.attempt;
        }),
      );
      expect([attempts, counts]).toEqual([3, [1, 2, 1]]);
    }));

  it('STM-2: two that each read what the other writes are not both true', () =>
    withData(async (world) => {
      const clients = [world.client({ ttlMs }), world.client({ ttlMs })];
      // Write skew: each may go off duty while the other is on.
      await world.until(clients[0]?.conclave.stm((tx) => [tx.put('a', 'on'), tx.put('b', 'on')]) as Promise<unknown>);
      const goOff = (own: string, other: string) => async (tx: Tx) => {
        if (text(await tx.get(other)) === 'on') tx.put(own, 'off');
      };
      await world.until(
        Promise.all([clients[0]?.conclave.stm(goOff('a', 'b')), clients[1]?.conclave.stm(goOff('b', 'a'))]),
      );
      const states = await world.until(
        clients[0]?.conclave.stm(async (tx) => [text(await tx.get('a')), text(await tx.get('b'))]) as Promise<
          unknown[]
        >,
      );
      expect(states.sort()).toEqual(['off', 'on']);
    }));

  it('STM-4: what throws writes nothing; a conflict that does not end is told', () =>
    withData(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const failing = conclave.stm((tx) => {
        tx.put('a', '1');
        throw new Error('no');
      });
      expect(await world.until(errorOf(failing))).toMatchObject({ message: 'no' });
      expect(await world.until(conclave.get('a'))).toBeNull();
      let runs = 0;
      const hopeless = conclave.stm(
        async (tx) => {
          runs += 1;
          await tx.get('a');
          await conclave.put('a', `${runs}`);
          tx.put('b', '');
        },
        { attempts: 5 },
      );
      const conflict = { code: 'CONFLICT', retryable: true, outcome: 'not-applied' };
      expect(await world.until(errorOf(hopeless))).toMatchObject(conflict);
      expect(runs).toBe(5);
      expect(await world.until(conclave.get('b'))).toBeNull();
    }));

  it('STM-4: an abort ends it, in its reads too; a handle that is over is refused', () =>
    withData(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const aborts = new AbortController();
      const reason = new Error('stop');
      let kept: Tx | undefined;
      const waiting = conclave.stm(
        (tx) => {
          kept = tx;
          return new Promise<void>(() => {});
        },
        { signal: aborts.signal },
      );
      aborts.abort(reason);
      expect(await world.until(errorOf(waiting))).toBe(reason);
      expect(await errorOf(kept?.get('a') as Promise<unknown>)).toMatchObject({ code: 'CLOSED' });
      expect(() => kept?.put('a', '')).toThrow(expect.objectContaining({ code: 'CLOSED' }));
      const slow = conclave.stm(() => new Promise(() => {}), { timeoutMs: 10 });
      expect(await world.until(errorOf(slow))).toMatchObject({ code: 'TIMEOUT' });
      expect(await errorOf(conclave.stm(() => {}, { attempts: 0 }))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }));

  it('STM-4: a read at a revision that was compacted is run again', () =>
    withData(async (world) => {
      const { conclave } = world.client({ ttlMs });
      await world.until(conclave.put('a', '1'));
      const attempts = await world.until(
        conclave.stm(async (tx) => {
          await tx.get('a');
          if (tx.attempt === 1) {
            const { header } = await conclave.put('b', '1');
            await world.truth.compact({ revision: header.revision });
          }
          tx.put('c', text(await tx.get('b')) ?? '');
          return tx.attempt;
        }),
      );
      expect(attempts).toBe(2);
      expect(text(await world.until(conclave.get('c')))).toBe('1');
    }));

  it('STM-5: keys on leases, guards of locks, and more than a txn takes', () =>
    withData(async (world) => {
      const { conclave } = world.client({ ttlMs });
      const held = await world.until(conclave.lock('l'));
      const { leaseId } = held;
      await world.until(
        conclave.stm((tx) => {
          tx.guard(held.guard());
          tx.put('a', '1', { leaseId });
        }),
      );
      expect(await world.until(conclave.stm(async (tx) => (await tx.get('a'))?.lease))).toBe(leaseId);
      await world.until(held.release());
      const late = conclave.stm((tx) => {
        tx.guard(held.guard());
        tx.put('a', '2');
      });
      expect(await world.until(errorOf(late))).toMatchObject({ code: 'LOST', outcome: 'not-applied' });
      expect(text(await world.until(conclave.get('a')))).toBe('1');
      const gone = conclave.stm((tx) => tx.put('b', '', { leaseId: 12_345n }));
      expect(await world.until(errorOf(gone))).toMatchObject({ code: 'LEASE_NOT_FOUND', outcome: 'not-applied' });
      const many = conclave.stm((tx) => Array.from({ length: 127 }, (_, i) => tx.put(`many/${i}`, '')));
      expect(await world.until(errorOf(many))).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
      await world.until(conclave.stm((tx) => Array.from({ length: 126 }, (_, i) => tx.put(`many/${i}`, ''))));
      expect(await world.until(conclave.stm(async (tx) => (await tx.range({ prefix: 'many/' })).length))).toBe(126);
    }));

  it('STM-6: one round trip for each read, one for the commit; reading alone needs no session', () =>
    withData(async (world) => {
      const { conclave, store } = world.client({ ttlMs });
      const requests = async (work: (tx: Tx) => Promise<unknown>) => {
        const before = store.total;
        await world.until(conclave.stm(work));
        return store.total - before;
      };
      expect(await requests((tx) => Promise.all([tx.get('a'), tx.get('b'), tx.get('a')]))).toBe(2);
      // The first that writes: a lease, and a witness.
      expect(await requests(async (tx) => tx.put('a', '1'))).toBe(3);
      expect(await requests(async (tx) => tx.put('a', text(await tx.get('b')) ?? ''))).toBe(2);
      expect((await world.keys('stm/')).length).toBe(1);
    }));
});

it('STM-3, STM-4: a commit that comes late does nothing once its transaction was run again, or was refused', () =>
  withData(async (world) => {
    const other = world.client({ ttlMs }).conclave;
    const isCommit = (name: string, request: unknown) => {
      return name === 'txn' && ((request as TxnRequest).compare?.length ?? 0) > 1;
    };
    const ends = [
      async (tx: Tx) => {
        // Its own first run has seen that it is not there.
        if ((await tx.get('d/x')) !== null) throw new Error('there');
        if (tx.attempt === 1) await other.put('d/x', 'other');
        tx.put('d/x', 'late');
      },
      async (tx: Tx) => {
        tx.guard(createdAt('d/x', 0n));
        await other.put('d/x', 'other');
        tx.put('d/y', 'late');
      },
    ];
    for (const [i, work] of ends.entries()) {
      const { conclave, store } = world.client({ ttlMs });
      await world.until(conclave.stm((tx) => tx.put('d/own', '')));
      store.applyLate(isCommit, 5_000);
      const failed = await errorOf(world.until(conclave.stm(work)));
      expect(failed).toMatchObject(i === 0 ? { message: 'there' } : { code: 'LOST', outcome: 'not-applied' });
      expect(store.pendingFaults).toBe(0);
      await world.until(other.delete('d/x'));
      await world.advance(10_000);
      expect(names((await world.until(other.range({ prefix: 'd/' }))).kvs)).toEqual(['d/own']);
      // A witness of its own again.
      await world.until(conclave.stm((tx) => tx.put('d/own', '')));
    }
  }));
