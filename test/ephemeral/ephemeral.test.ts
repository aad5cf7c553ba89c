import { describe, expect, it } from 'vitest';
import { utf8Text } from '../../src/core/bytes.js';
import type { EphemeralKey } from '../../src/ephemeral/ephemeral-key.js';
import { etcdError } from '../../src/store/etcd-errors.js';
import { put, remove } from '../../src/store/ops.js';
import { errorOf, inWorld, type SimWorld } from '../support/sim-world.js';

async function found(world: SimWorld, key = 'e/1'): Promise<string | undefined> {
  const [kv] = await world.keys(key);
  return kv && utf8Text(kv.value);
}

function told(key: EphemeralKey): string[] {
  const statuses: string[] = [];
  key.events.on('status', (status, error) => statuses.push(error === undefined ? status : `${status} ${error.code}`));
  return statuses;
}

describe('an ephemeral key', () => {
  it('EPHEMERAL-1: is there when the call resolves, and goes with its process', () =>
    inWorld(async (world) => {
      const client = world.client({ ttlMs: 10_000 });
      const key = await world.until(client.conclave.ephemeral('e/1', 'here'));
      const [kv] = await world.keys('e/1');
      expect([utf8Text(kv?.value ?? new Uint8Array()), kv?.lease]).toEqual(['here', client.conclave.session.leaseId]);
      expect([key.key, key.status]).toEqual(['e/1', 'kept']);
      client.store.partition();
      client.runtime.stall();
      await world.expire();
      expect(await found(world)).toBeUndefined();
      client.runtime.resume();
      client.store.heal();
      await world.until(client.conclave.close());
      await world.advance(6_000);
    }));

  it('EPHEMERAL-2: comes back after a lost lease, with the value last given', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs: 5_000 });
      const key = await world.until(conclave.ephemeral('e/1', 'one'));
      const statuses = told(key);
      store.partition();
      await world.expire();
      expect([key.status, await found(world)]).toEqual(['recovering', undefined]);
      const updated = key.update('two');
      store.heal();
      await world.until(updated);
      expect([key.status, await found(world), statuses]).toEqual(['kept', 'two', ['recovering SESSION_LOST', 'kept']]);
      await world.until(key.delete());
    }));

  it('EPHEMERAL-2: is put back when somebody deletes it', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const key = await world.until(conclave.ephemeral('e/1', 'x'));
      const statuses = told(key);
      await world.truth.txn({ success: [remove('e/1')] });
      await world.advance(1_000);
      expect([await found(world), statuses]).toEqual(['x', ['recovering', 'kept']]);
      await world.until(key.delete());
    }));

  it('EPHEMERAL-3: a key that is somebody else’s is left to them', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      const key = await world.until(a.conclave.ephemeral('e/1', 'a'));
      expect(await world.until(errorOf(b.conclave.ephemeral('e/1', 'b')))).toMatchObject({ code: 'CONFLICT' });
      expect(await found(world)).toBe('a');
      const statuses = told(key);
      const taken = await world.until(b.conclave.ephemeral('e/1', 'b', { takeOver: true }));
      await world.settle();
      expect([statuses, key.signal.reason, await found(world)]).toEqual([
        ['ended CONFLICT'],
        expect.objectContaining({ code: 'CONFLICT' }),
        'b',
      ]);
      expect(await errorOf(key.update('again'))).toMatchObject({ code: 'CONFLICT' });
      await world.until(key.delete());
      expect(await found(world)).toBe('b');
      // Whoever writes it takes it over, with a lease or without.
      await world.truth.txn({ success: [put('e/1', 'etcdctl')] });
      await world.settle();
      expect([taken.status, await found(world)]).toEqual(['ended', 'etcdctl']);
      expect(await world.until(errorOf(a.conclave.ephemeral('e/1', 'a')))).toMatchObject({ code: 'CONFLICT' });
      await world.truth.txn({ success: [remove('e/1')] });
    }));

  it('EPHEMERAL-4: updates that meet end with the last of them, each resolved', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const key = await world.until(conclave.ephemeral('e/1', '0'));
      const { txn } = store.counts;
      await world.until(Promise.all(Array.from({ length: 20 }, (_, i) => key.update(`${i + 1}`))));
      expect(await found(world)).toBe('20');
      expect(store.counts.txn - txn).toBeLessThanOrEqual(2);
      store.loseReply('txn');
      await world.until(key.update('21'));
      store.loseRequest('txn');
      await world.until(key.update('22'));
      expect(await found(world)).toBe('22');
      await world.until(key.delete());
    }));

  it('EPHEMERAL-4: an update that the store refuses is told, and what stood there is kept', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs: 5_000 });
      const key = await world.until(conclave.ephemeral('e/1', '1'));
      const tooLarge = etcdError('requestTooLarge');
      store.refuse('txn', tooLarge);
      expect(await world.until(errorOf(key.update('2')))).toBe(tooLarge);
      await world.advance(20_000);
      expect([key.status, await found(world)]).toEqual(['kept', '1']);
      store.partition();
      await world.advance(10_000);
      expect([key.status, await found(world)]).toEqual(['recovering', undefined]);
      store.heal();
      await world.advance(10_000);
      expect([key.status, await found(world)]).toEqual(['kept', '1']);
      // The next one comes while this one is on its way.
      const meeting: Promise<void>[] = [];
      store.refuse((name) => name === 'txn' && meeting.push(key.update('4')) > 1, tooLarge);
      meeting.unshift(key.update('3'));
      await world.until(Promise.all(meeting));
      expect(await found(world)).toBe('4');
      await world.until(key.update('5'));
      expect(await found(world)).toBe('5');
      store.refuse('txn', tooLarge);
      expect(await world.until(errorOf(key.update('6')))).toBe(tooLarge);
      await world.until(key.delete());
      expect([key.status, await world.keys('e/')]).toEqual(['ended', []]);
    }));

  it('EPHEMERAL-2: waits for a store that is full, once it stood there; at the start that is the error', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs: 5_000 });
      const full = etcdError('noSpace');
      await world.until(conclave.session.open());
      store.refuse('txn', full);
      expect(await world.until(errorOf(conclave.ephemeral('e/0', 'x')))).toBe(full);
      const key = await world.until(conclave.ephemeral('e/1', 'x'));
      await world.truth.leaseRevoke({ id: conclave.session.leaseId });
      for (const error of [full, etcdError('tooManyRequests')]) store.refuse('leaseGrant', error);
      for (let i = 0; i < 2; i++) store.refuse('txn', full);
      await world.advance(30_000);
      expect([key.status, await found(world), store.pendingFaults]).toEqual(['kept', 'x', 0]);
      const updated = key.update('y');
      store.refuse('txn', full);
      await world.until(updated);
      expect(await found(world)).toBe('y');
      await world.until(key.delete());
    }));

  it('EPHEMERAL-5: an abort, a timeout and a late request leave nothing', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client({ ttlMs: 5_000 });
      await world.until(conclave.session.open());
      store.applyLate('txn', 3_000);
      const stop = new AbortController();
      const aborted = errorOf(conclave.ephemeral('e/1', 'x', { signal: stop.signal }));
      await world.settle();
      stop.abort('gave up');
      expect(await aborted).toBe('gave up');
      await world.advance(20_000);
      expect(await found(world)).toBeUndefined();
      store.partition();
      const late = errorOf(conclave.ephemeral('e/2', 'x', { timeoutMs: 100 }));
      await world.advance(200);
      expect(await late).toMatchObject({ code: 'TIMEOUT' });
      store.heal();
      await world.advance(10_000);
      expect(await world.keys('e/')).toEqual([]);
      // The one before may still look for what it has asked for, and must leave this one alone.
      const again = await world.until(conclave.ephemeral('e/2', 'y'));
      await world.advance(60_000);
      expect([again.status, await found(world, 'e/2')]).toEqual(['kept', 'y']);
      await world.until(again.delete());
      await world.until(again.delete());
      expect([again.status, await world.keys('e/')]).toEqual(['ended', []]);
      expect(await errorOf(again.update('z'))).toMatchObject({ code: 'RELEASED' });
    }));

  it('EPHEMERAL-6: has one keeper in a connection', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const key = await world.until(conclave.ephemeral('e/1', 'x'));
      for (const takeOver of [false, true]) {
        expect(await errorOf(conclave.ephemeral('e/1', 'y', { takeOver }))).toMatchObject({ code: 'CONFLICT' });
      }
      await world.until(key.delete());
      const next = await world.until(conclave.ephemeral('e/1', 'y'));
      expect(await found(world)).toBe('y');
      await world.until(next.delete());
    }));

  it('EPHEMERAL-6: what a keeper that was given up has left is its successor’s own, and another’s CONFLICT', () =>
    inWorld(async (world) => {
      const [a, b] = [world.client(), world.client()];
      await world.until(a.conclave.session.open());
      // Applied, and its answer hangs: the caller gives up without having seen it.
      a.store.delay('txn', { replyMs: 60_000 });
      const stop = new AbortController();
      const givenUp = errorOf(a.conclave.ephemeral('e/1', 'x', { signal: stop.signal }));
      await world.settle();
      stop.abort('gave up');
      expect([await givenUp, await found(world)]).toEqual(['gave up', 'x']);
      expect(await world.until(errorOf(b.conclave.ephemeral('e/1', 'b')))).toMatchObject({ code: 'CONFLICT' });
      const next = await world.until(a.conclave.ephemeral('e/1', 'y'));
      await world.advance(100_000);
      expect([next.status, await found(world)]).toEqual(['kept', 'y']);
      await world.until(next.delete());
      expect(await world.keys('e/')).toEqual([]);
    }));

  it('EPHEMERAL-7: one write, one watch, and nothing while it stands; more keys, no more leases', () =>
    inWorld(async (world) => {
      const { conclave, store } = world.client();
      const keys = [];
      for (let i = 0; i < 5; i++) keys.push(await world.until(conclave.ephemeral(`e/${i}`, 'x')));
      await world.settle();
      expect(store.counts).toMatchObject({ leaseGrant: 1, txn: 5, watch: 5, range: 5 });
      await world.until(keys[0]?.update('y') as Promise<void>);
      expect(store.counts).toMatchObject({ txn: 6, watch: 5, range: 5 });
      const { txn, range } = store.counts;
      await world.advance(20_000);
      expect(store.counts.range - range).toBe(0);
      expect(store.counts.txn - txn).toBeLessThanOrEqual(4);
      const before = store.counts.txn;
      for (const each of keys) await world.until(each.delete());
      expect(store.counts.txn - before).toBe(5);
    }));

  it('EPHEMERAL-8: with a session of its own it ends with that; an empty key is refused', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const session = await world.until(conclave.newSession());
      const key = await world.until(conclave.ephemeral('e/1', 'x', { session }));
      await world.until(session.close());
      await world.settle();
      expect([key.status, await found(world)]).toEqual(['ended', undefined]);
      expect(await errorOf(conclave.ephemeral('', 'x'))).toMatchObject({ code: 'INVALID_NAME' });
      for (const [name, value] of [
        [7, 'x'],
        ['e/1', 7],
        ['e/1', undefined],
      ]) {
        const failure = await errorOf(conclave.ephemeral(name as string, value as string));
        expect(failure).toMatchObject({ code: 'INVALID_ARGUMENT' });
      }
      expect(await errorOf(conclave.ephemeral('e/1', 'x', { timeoutMs: -1 }))).toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    }));

  it('EPHEMERAL-9: a closed connection takes its keys away', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const key = await world.until(conclave.ephemeral('e/1', 'x'));
      const statuses = told(key);
      await world.until(conclave.close());
      expect([key.status, statuses.at(-1), await found(world)]).toEqual(['ended', 'ended CLOSED', undefined]);
    }));
});
