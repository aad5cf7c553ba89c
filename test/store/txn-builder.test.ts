import { describe, expect, it } from 'vitest';
import { createdAt, get, put, rangeAt, remove } from '../../src/store/ops.js';
import { errorOf, inWorld } from '../support/sim-world.js';

describe('txn()', () => {
  it('sends nothing before commit(), and then what it was told', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const builder = conclave.txn().if(createdAt('a', 0n)).then(put('a', '1')).else(get('a'));
      expect(store.total).toBe(0);
      expect((await world.until(builder.commit())).succeeded).toBe(true);
      const second = await world.until(builder.commit());
      expect(second.succeeded).toBe(false);
      expect(rangeAt(second, 0).kvs).toHaveLength(1);
      expect(() => rangeAt(second, 1)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
      await world.until(conclave.txn().then(remove('a')).commit());
    }));

  it('collects what it is told in several parts', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const txn = conclave.txn().if(createdAt('a', 0n)).if(createdAt('b', 0n)).then(put('a', '')).then(put('b', ''));
      expect((await world.until(txn.commit())).responses).toHaveLength(2);
      await world.until(conclave.delete('', { prefix: true }).catch(() => conclave.delete('a')));
      await world.until(conclave.delete('b'));
    }));

  it('is no promise, and says so when it is awaited', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const awaited = async () => {
        await (conclave.txn() as unknown as Promise<unknown>);
      };
      expect(await errorOf(awaited())).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }));

  it('is not sent again when the answer is lost: only the caller can know', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      store.loseReply('txn');
      const error = errorOf(conclave.txn().then(put('a', '1')).commit());
      expect(await world.until(error)).toMatchObject({ code: 'UNAVAILABLE', outcome: 'unknown' });
      expect(store.counts.txn).toBe(1);
      expect(await world.keys('a')).toHaveLength(1);
      await world.until(conclave.delete('a'));
    }));
});
