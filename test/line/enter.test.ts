import { describe, expect, it } from 'vitest';
import { utf8, utf8Text } from '../../src/core/bytes.js';
import { enter, enterIfFree } from '../../src/line/enter.js';
import { exclusive } from '../../src/line/exclusive.js';
import { put } from '../../src/store/ops.js';
import { type Client, errorOf, inWorld, type SimWorld } from '../support/sim-world.js';

const rule = exclusive(utf8('line/'));

async function leased(world: SimWorld, client: Client) {
  await world.until(client.conclave.session.open());
  const lease = client.conclave.session.leaseId;
  const place = (key: string) => ({ key: utf8(key), value: utf8(''), lease });
  /** A key on a lease, or not, made by somebody else. */
  const stray = (key: string, leaseId: bigint | undefined = lease) =>
    world.truth.txn({ success: [put(key, '', { leaseId })] });
  return { place, stray };
}

describe('taking a place', () => {
  it('LINE-1: the first is admitted and the next waits behind it, each in one round trip', () =>
    inWorld(async (world) => {
      const client = world.client();
      const { place } = await leased(world, client);
      const first = await enter(client.store, rule, place('line/1'));
      const second = await enter(client.store, rule, place('line/2'));
      const third = await enter(client.store, rule, place('line/3'));
      expect(first.seen.verdict).toEqual({ type: 'admitted' });
      expect(second.seen.verdict).toMatchObject({ type: 'wait', behind: { createRevision: first.createRevision } });
      expect(third.seen.verdict).toMatchObject({ type: 'wait', behind: { createRevision: second.createRevision } });
      expect(client.store.counts.txn).toBe(3);
    }));

  it.each(['reply', 'request'] as const)(
    'LINE-3: after a lost %s the second try finds or makes the one place',
    (lost) =>
      inWorld(async (world) => {
        const client = world.client();
        const { place, stray } = await leased(world, client);
        if (lost === 'reply') client.store.loseReply('txn');
        else client.store.loseRequest('txn');
        expect(await errorOf(enter(client.store, rule, place('line/1')))).toMatchObject({ outcome: 'unknown' });
        // The store's revision moves on: the place's is still its own (npm etcd3 takes this one for it).
        await stray('elsewhere', 0n);
        await stray('line/2');
        const entry = await enter(client.store, rule, place('line/1'));
        const [first, second] = await world.keys('line/');
        expect(entry.createRevision).toBe((lost === 'reply' ? first : second)?.createRevision);
        expect(entry.seen.verdict.type).toBe(lost === 'reply' ? 'admitted' : 'wait');
        expect(await world.keys('line/')).toHaveLength(2);
        await world.truth.txn({ success: [{ type: 'deleteRange', request: { key: utf8('elsewhere') } }] });
      }),
  );

  it('LINE-3: a first try that somebody on the way has sent twice finds the one place', () =>
    inWorld(async (world) => {
      const client = world.client();
      const { place, stray } = await leased(world, client);
      const first = await enter(client.store, rule, place('line/1'), { again: false });
      await stray('line/2');
      const second = await enter(client.store, rule, place('line/1'), { again: false });
      expect(second.createRevision).toBe(first.createRevision);
      expect(second.seen.verdict).toEqual({ type: 'admitted' });
      expect(await world.keys('line/')).toHaveLength(2);
    }));

  it.each(['once', 'twice'])('LINE-3: one that comes instead of another does so once, though it was sent %s', (sent) =>
    inWorld(async (world) => {
      const client = world.client();
      const { place } = await leased(world, client);
      const { createRevision } = await enter(client.store, rule, place('line/1'), { again: false });
      const waiting = await enter(client.store, rule, place('line/2'), { again: false });
      let gone = 0;
      const instead = { key: utf8('line/1'), createRevision, gone: () => gone++ };
      const options = { again: false, instead };
      const entry = await enter(client.store, rule, place('line/3'), options);
      const again = sent === 'once' ? entry : await enter(client.store, rule, place('line/3'), options);
      expect(again.createRevision).toBe(entry.createRevision);
      expect(again.seen.verdict).toMatchObject({ type: 'wait', behind: { createRevision: waiting.createRevision } });
      expect(gone).toBe(sent === 'once' ? 1 : 2);
      expect((await world.keys('line/')).map(({ key }) => utf8Text(key))).toEqual(['line/2', 'line/3']);
    }),
  );

  it('LINE-2: keys of nested names and keys without a lease block nobody, however many they are', () =>
    inWorld(async (world) => {
      const client = world.client();
      const { place, stray } = await leased(world, client);
      await stray('line/', 0n);
      await stray('line/stray', 0n);
      for (let i = 0; i < 9; i++) await stray(`line/nested/${i}`);
      const first = await enter(client.store, rule, place('line/1'));
      expect(first.seen.verdict).toEqual({ type: 'admitted' });
      for (let i = 10; i < 19; i++) await stray(`line/nested/${i}`);
      const second = await enter(client.store, rule, place('line/2'));
      expect(second.seen.verdict).toMatchObject({ type: 'wait', behind: { createRevision: first.createRevision } });
      for (const key of ['line/', 'line/stray']) {
        await world.truth.txn({ success: [{ type: 'deleteRange', request: { key: utf8(key) } }] });
      }
    }));
});

describe('taking a place in an empty line only', () => {
  it('LINE-1: takes it in one round trip', () =>
    inWorld(async (world) => {
      const client = world.client();
      const { place } = await leased(world, client);
      const entry = await enterIfFree(client.store, rule, place('line/1'));
      expect(entry?.seen.verdict).toEqual({ type: 'admitted' });
      expect(client.store.counts.txn).toBe(1);
    }));

  it('LINE-1: writes nothing when somebody stands there', () =>
    inWorld(async (world) => {
      const client = world.client();
      const { place } = await leased(world, client);
      await enter(client.store, rule, place('line/1'));
      const { revision } = world.host.stats();
      expect(await enterIfFree(client.store, rule, place('line/2'))).toBeUndefined();
      expect(world.host.stats().revision).toBe(revision);
      expect(client.store.counts.txn).toBe(2);
    }));

  it('LINE-3: after a lost reply the second try finds its own place', () =>
    inWorld(async (world) => {
      const client = world.client();
      const { place } = await leased(world, client);
      client.store.loseReply('txn');
      await errorOf(enterIfFree(client.store, rule, place('line/1')));
      const entry = await enterIfFree(client.store, rule, place('line/1'));
      expect(entry?.seen.verdict).toEqual({ type: 'admitted' });
      expect(await world.keys('line/')).toHaveLength(1);
    }));

  it('LINE-2: takes it among keys of nested names', () =>
    inWorld(async (world) => {
      const client = world.client();
      const { place, stray } = await leased(world, client);
      for (let i = 0; i < 9; i++) await stray(`line/nested/${i}`);
      const entry = await enterIfFree(client.store, rule, place('line/1'));
      expect(entry?.seen.verdict).toEqual({ type: 'admitted' });
      const other = await enterIfFree(client.store, rule, place('line/2'));
      expect(other === undefined || other.seen.verdict.type === 'wait').toBe(true);
    }));
});
