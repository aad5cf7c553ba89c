import { describe, expect, it } from 'vitest';
import { prefixEnd, utf8, utf8Text } from '../../src/core/bytes.js';
import { etcdError } from '../../src/store/etcd-errors.js';
import type { KeyValue } from '../../src/store/messages.js';
import { Mirror, type MirrorChange } from '../../src/store/mirror.js';
import { checkEveryMs, MirrorChecks } from '../../src/store/mirror-checks.js';
import { type Client, inWorld, type SimWorld } from '../support/sim-world.js';

/** A mirror of `a/` with everything it tells, as text. */
function mirrored({ store, runtime }: Client) {
  const told: string[] = [];
  const text = (kv: KeyValue | undefined) => (kv === undefined ? '-' : utf8Text(kv.value));
  const spec = { key: utf8('a/'), rangeEnd: prefixEnd(utf8('a/')) };
  const mirror = new Mirror(store, runtime, spec, {
    onChange: ({ revision, keys, resync }) => {
      const changes = keys.map(({ key, before, after }) => `${key} ${text(before)}>${text(after)}`);
      told.push(`${revision}${resync ? ' resync' : ''}: ${changes.join(', ')}`);
    },
    onEnd: (error) => told.push(error.code),
  });
  const shown = () => [...mirror.items].map(([key, kv]) => `${key}=${utf8Text(kv.value)}`).join(' ');
  return { told, mirror, shown, stop: mirror.start() };
}

async function write(world: SimWorld, ...writes: readonly (readonly [key: string, value: string | null])[]) {
  const { header } = await world.truth.txn({
    success: writes.map(([key, value]) =>
      value === null
        ? { type: 'deleteRange', request: { key: utf8(key) } }
        : { type: 'put', request: { key: utf8(key), value: utf8(value) } },
    ),
  });
  return header.revision;
}

describe('a mirror', () => {
  it('shows a state, then each revision whole', () =>
    inWorld(async (world) => {
      const first = await write(world, ['a/1', 'x'], ['a/2', 'y']);
      const { told, mirror, shown, stop } = mirrored(world.client());
      await world.settle();
      const second = await write(world, ['a/1', 'z'], ['a/2', null], ['b', 'elsewhere']);
      await write(world, ['b', null]);
      await world.settle();
      expect(told).toEqual([`${first}: a/1 ->x, a/2 ->y`, `${second}: a/1 x>z, a/2 y>-`]);
      expect(shown()).toBe('a/1=z');
      expect(mirror.revision).toBe(second);
      const third = await write(world, ['a/1', null]);
      await world.settle();
      expect(told.at(-1)).toBe(`${third}: a/1 z>-`);
      stop();
    }));

  it('holds of a change no memory but its own', () =>
    inWorld(async (world) => {
      const { mirror, stop } = mirrored(world.client());
      await world.settle();
      const pooled = { key: utf8('a/1'), value: utf8('x'.repeat(100)) };
      expect(pooled.value.buffer.byteLength).toBeGreaterThan(1_000);
      await world.truth.txn({ success: [{ type: 'put', request: pooled }] });
      await world.settle();
      const { key, value } = mirror.items.get('a/1') as KeyValue;
      expect([key.buffer.byteLength, value.buffer.byteLength]).toEqual([3, 100]);
      expect([utf8Text(key), utf8Text(value)]).toEqual(['a/1', 'x'.repeat(100)]);
      stop();
      await write(world, ['a/1', null]);
    }));

  it('tells of an empty range once', () =>
    inWorld(async (world) => {
      const { told, stop } = mirrored(world.client());
      await world.advance(4 * checkEveryMs);
      stop();
      expect(told).toEqual(['1: ']);
    }));

  it('gives what the events would have given, in one step, when history was compacted', () =>
    inWorld(async (world) => {
      await write(world, ['a/1', 'x'], ['a/2', 'y']);
      const client = world.client();
      const { told, shown, stop } = mirrored(client);
      await world.settle();
      client.store.partition();
      await write(world, ['a/1', null]);
      await write(world, ['a/3', 'new']);
      const last = await write(world, ['a/2', 'changed']);
      await world.truth.compact({ revision: last });
      client.store.endWatches();
      client.store.heal();
      await world.advance(2_000);
      expect(told.slice(1)).toEqual([`${last} resync: a/2 y>changed, a/3 ->new, a/1 x>-`]);
      expect(shown()).toBe('a/2=changed a/3=new');
      stop();
      await write(world, ['a/2', null], ['a/3', null]);
    }));

  it.each([
    ['and nothing happens after it', false],
    ['and other changes go on', true],
  ])('finds out about a DELETE that was lost, %s', (_, busy) =>
    inWorld(async (world) => {
      await write(world, ['a/1', 'x'], ['a/2', 'y']);
      const client = world.client();
      const { told, shown, stop } = mirrored(client);
      await world.settle();
      client.store.dropDeletes = true;
      await write(world, ['a/1', null]);
      await world.settle();
      client.store.dropDeletes = false;
      expect(shown()).toBe('a/1=x a/2=y');
      for (let i = 0; i < 3; i++) {
        await world.advance(checkEveryMs);
        if (busy) await write(world, ['a/2', `${i}`]);
        await world.settle();
      }
      expect(told.some((each) => / resync: .*a\/1 x>-/.test(each))).toBe(true);
      expect(shown()).toBe(busy ? 'a/2=2' : 'a/2=y');
      stop();
      await write(world, ['a/2', null]);
    }),
  );

  it('lists no second time while events are merely on their way', () =>
    inWorld(async (world) => {
      const client = world.client();
      client.store.watchLagMs = 100;
      const { told, stop } = mirrored(client);
      await world.settle();
      for (let i = 0; i < 400; i++) {
        await world.advance(97);
        await write(world, [`a/${i % 7}`, i % 3 === 0 ? null : `${i}`]);
      }
      await world.advance(1_000);
      expect(told.filter((each) => each.includes('resync'))).toEqual([]);
      expect(client.store.counts.watch).toBe(1);
      stop();
      for (let i = 0; i < 7; i++) await write(world, [`a/${i}`, null]);
    }));

  it('says how long the store has been silent', () =>
    inWorld(async (world) => {
      const client = world.client();
      const { mirror, stop } = mirrored(client);
      await world.advance(3 * checkEveryMs);
      expect(mirror.silentMs).toBeLessThanOrEqual(checkEveryMs);
      client.store.partition();
      await world.advance(60_000);
      expect(mirror.silentMs).toBeGreaterThanOrEqual(60_000 - checkEveryMs);
      client.store.heal();
      await world.advance(2 * checkEveryMs);
      expect(mirror.silentMs).toBeLessThanOrEqual(checkEveryMs);
      stop();
    }));

  it('costs one read, one watch, and a count every 5 s', () =>
    inWorld(async (world) => {
      const client = world.client();
      const { stop } = mirrored(client);
      await world.advance(10 * checkEveryMs + 1);
      expect(client.store.counts).toMatchObject({ range: 11, watch: 1, txn: 0 });
      stop();
      await world.advance(60_000);
      expect(client.store.counts).toMatchObject({ range: 11, watch: 1 });
    }));

  it('asks together with those it shares its checks with, and for itself when one of them is refused', () =>
    inWorld(async (world) => {
      await write(world, ['a/1', 'x']);
      const client = world.client();
      const checks = new MirrorChecks(client.store, client.runtime);
      const told: string[] = [];
      const stops = Array.from({ length: 150 }, (_, i) => {
        const spec = { key: utf8(`a/${i}`) };
        const onEnd = () => {};
        const onChange = ({ resync }: MirrorChange) => told.push(`${i}${resync ? ' resync' : ''}`);
        return new Mirror(client.store, client.runtime, spec, { onChange, onEnd }, checks).start();
      });
      await world.advance(checkEveryMs + 1);
      expect(client.store.counts).toMatchObject({ range: 150, watch: 150, txn: 2 });
      told.splice(0);
      client.store.dropDeletes = true;
      const gone = await write(world, ['a/1', null]);
      await world.settle();
      client.store.dropDeletes = false;
      await world.advance(checkEveryMs);
      // The second look, as of a revision that is no longer there, is refused: and with it the one of all.
      await world.truth.compact({ revision: gone });
      await world.advance(2 * checkEveryMs);
      expect(told).toEqual(['1 resync']);
      for (const stop of stops) stop();
    }));

  it('shows a store that was made anew, though its revisions are those of other values before', () =>
    inWorld(async (world) => {
      await write(world, ['a/1', 'x']);
      const client = world.client();
      const { told, shown, stop } = mirrored(client);
      await world.settle();
      await world.anew(async (store) => {
        const anew = { key: utf8('a/1'), value: utf8('another') };
        await store.txn({ success: [{ type: 'put', request: anew }] });
        client.store.becomes(store);
        await world.settle();
        expect([told.at(-1), shown()]).toEqual(['2 resync: a/1 x>another', 'a/1=another']);
        stop();
      });
      await write(world, ['a/1', null]);
    }));

  it('stays through refusals once it has shown something, and shows the present when they end', () =>
    inWorld(async (world) => {
      await write(world, ['a/1', 'x']);
      const client = world.client();
      const { told, shown, mirror, stop } = mirrored(client);
      await world.settle();
      const refused = etcdError('permissionDenied');
      for (let i = 0; i < 5; i++) client.store.refuse('range', refused);
      client.store.endWatches(refused);
      const last = await write(world, ['a/1', 'y']);
      await world.advance(1_000);
      expect([shown(), told.length]).toEqual(['a/1=x', 1]);
      expect(mirror.silentMs).toBe(1_000);
      await world.advance(60_000);
      expect([shown(), told.at(-1)]).toEqual(['a/1=y', `${last} resync: a/1 x>y`]);
      stop();
      await write(world, ['a/1', null]);
    }));

  it.each([
    ['at the start', false],
    ['when it is stopped', true],
  ])('is told nothing more of a refusal %s', (_, started) =>
    inWorld(async (world) => {
      const client = world.client();
      const refused = etcdError('permissionDenied');
      if (!started) client.store.refuse('range', refused);
      const { told, stop } = mirrored(client);
      await world.settle();
      client.store.endWatches(refused);
      await world.settle();
      stop();
      await world.advance(60_000);
      expect(told).toEqual([started ? '1: ' : 'PERMISSION_DENIED']);
    }),
  );

  it('ends with what the store says for good', () =>
    inWorld(async (world) => {
      const client = world.client();
      const { told } = mirrored(client);
      await world.settle();
      await world.until(client.store.close());
      expect(told.at(-1)).toBe('CLOSED');
    }));
});
