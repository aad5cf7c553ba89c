import { beforeEach, describe, expect, it } from 'vitest';
import { put } from '../../src/store/ops.js';
import type { Backend } from '../support/backends.js';
import { watchLog } from '../support/watch-log.js';
import { type Fixture, fixture } from './store-fixture.js';

/** How calls and the store itself end. */
export function lifeContract(backend: Backend): void {
  describe('calls and close', () => {
    const open = fixture(backend);
    let at: Fixture;
    beforeEach(async () => {
      at = await open();
    });

    it('an aborted signal rejects with its own reason, and nothing is written', async () => {
      const reason = new Error('changed my mind');
      const signal = AbortSignal.abort(reason);
      await expect(at.store.range({ key: at.key('a') }, { signal })).rejects.toBe(reason);
      await expect(at.store.txn({ success: [put(at.key('a'), '1')] }, { signal })).rejects.toBe(reason);
      await expect(at.store.leaseGrant({ ttl: 30n }, { signal })).rejects.toBe(reason);
      expect((await at.all()).kvs).toEqual([]);
    });

    it('a signal that is never used leaves no listener behind', async () => {
      const { signal } = new AbortController();
      let listeners = 0;
      const add = signal.addEventListener.bind(signal);
      const remove = signal.removeEventListener.bind(signal);
      signal.addEventListener = (...args: Parameters<typeof add>) => {
        listeners += 1;
        add(...args);
      };
      signal.removeEventListener = (...args: Parameters<typeof remove>) => {
        listeners -= 1;
        remove(...args);
      };
      await at.store.range({ key: at.key('a') }, { signal });
      expect(listeners).toBe(0);
    });

    it('a time limit that is none is refused', async () => {
      const call = at.store.range({ key: at.key('a') }, { timeoutMs: -1 });
      await expect(call).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    });

    it('close ends watches with CLOSED, once, and refuses later calls', async () => {
      const store = await at.connect();
      const log = watchLog(store, at.within());
      await log.created;
      await store.close();
      await store.close();
      expect(await log.ended).toMatchObject({ code: 'CLOSED' });
      const refused = { code: 'CLOSED', outcome: 'not-applied' };
      await expect(store.range({ key: at.key('a') })).rejects.toMatchObject(refused);
      await expect(store.txn({ success: [put(at.key('a'), '1')] })).rejects.toMatchObject(refused);
      expect(await watchLog(store, at.within()).ended).toMatchObject({ code: 'CLOSED' });
      expect((await at.all()).kvs).toEqual([]);
    });

    it('close of one client leaves others alone', async () => {
      const store = await at.connect();
      const log = watchLog(at.store, at.within());
      await log.created;
      await store.close();
      await at.put('a', '1');
      expect(await log.first(1)).toHaveLength(1);
    });

    it('a store that was never used closes', async () => {
      const store = await at.connect();
      await expect(store.close()).resolves.toBeUndefined();
    });
  });

  if (backend.pausable) pauseContract(backend);
}

/** Where the peer can be made silent. */
function pauseContract(backend: Backend): void {
  describe('a peer that does not answer', () => {
    const open = fixture(backend);
    let at: Fixture;
    beforeEach(async () => {
      at = await open({ exclusive: true });
      await at.put('a', '0');
      await at.pause();
    });

    it('a write that runs out of time has an unknown outcome; that of a read is of no matter', async () => {
      const write = at.store.txn({ success: [put(at.key('a'), '1')] }, { timeoutMs: 50 });
      await expect(write).rejects.toMatchObject({ code: 'TIMEOUT', outcome: 'unknown', retryable: true });
      const read = at.store.range({ key: at.key('a') }, { timeoutMs: 50 });
      await expect(read).rejects.toMatchObject({ code: 'TIMEOUT', retryable: true });
      await at.resume();
      expect((await at.all()).count).toBe(1n);
    });

    it('an abort rejects with its reason at once', async () => {
      const controller = new AbortController();
      const call = at.store.txn({ success: [put(at.key('a'), '1')] }, { signal: controller.signal });
      const reason = new Error('changed my mind');
      controller.abort(reason);
      await expect(call).rejects.toBe(reason);
      await at.resume();
    });

    it('close rejects what is under way', async () => {
      const store = await at.connect();
      const call = store.txn({ success: [put(at.key('a'), '1')] });
      const rejected = expect(call).rejects.toMatchObject({ code: 'CLOSED', outcome: 'unknown' });
      // A batching store sends in the next turn of the microtasks.
      await new Promise(setImmediate);
      await store.close();
      await rejected;
      await at.resume();
    });
  });
}
