import { describe, expect, it } from 'vitest';
import { prefixEnd, utf8, utf8Text } from '../../src/core/bytes.js';
import { etcdError } from '../../src/store/etcd-errors.js';
import { follow } from '../../src/store/follow.js';
import { EventType, type KeyValue } from '../../src/store/messages.js';
import { type Client, inWorld, type SimWorld } from '../support/sim-world.js';

/** Everything that a follower of `a/` is told, in order, as text. */
function followed({ store, runtime }: Client) {
  const told: string[] = [];
  const text = ({ key, value }: KeyValue) => `${utf8Text(key)}=${utf8Text(value)}`;
  const spec = { key: utf8('a/'), rangeEnd: prefixEnd(utf8('a/')) };
  const stop = follow(store, runtime, spec, {
    onSnapshot: (kvs) => told.push(`[${kvs.map(text).join(' ')}]`),
    onEvents: (events) => {
      for (const { type, kv } of events) told.push(type === EventType.delete ? `-${utf8Text(kv.key)}` : text(kv));
    },
    onEnd: (error) => told.push(error.code),
  });
  return { told, stop };
}

async function put(world: SimWorld, key: string, value: string): Promise<void> {
  await world.truth.txn({ success: [{ type: 'put', request: { key: utf8(key), value: utf8(value) } }] });
}

async function remove(world: SimWorld, key: string): Promise<void> {
  await world.truth.txn({ success: [{ type: 'deleteRange', request: { key: utf8(key) } }] });
}

describe('following a range', () => {
  it('tells the state, then each change once', () =>
    inWorld(async (world) => {
      await put(world, 'a/1', 'x');
      const { told, stop } = followed(world.client());
      await world.settle();
      await put(world, 'a/2', 'y');
      await put(world, 'b/1', 'z');
      await remove(world, 'a/1');
      await remove(world, 'a/2');
      await remove(world, 'b/1');
      await world.settle();
      stop();
      expect(told).toEqual(['[a/1=x]', 'a/2=y', '-a/1', '-a/2']);
    }));

  it('loses nothing that happens between the watch and the list', () =>
    inWorld(async (world) => {
      const client = world.client();
      client.store.delay('range', { requestMs: 10, replyMs: 10 });
      const { told, stop } = followed(client);
      await world.advance(5);
      await put(world, 'a/1', 'before the list');
      await world.advance(10);
      await put(world, 'a/1', 'after the list');
      await world.advance(10);
      await remove(world, 'a/1');
      await world.settle();
      stop();
      expect(told).toEqual(['[a/1=before the list]', 'a/1=after the list', '-a/1']);
    }));

  it('tells nothing older than the list, when the list overtakes the events', () =>
    inWorld(async (world) => {
      const client = world.client();
      client.store.watchLagMs = 1_000;
      client.store.delay('range', { requestMs: 10 });
      const { told, stop } = followed(client);
      await world.advance(1);
      await put(world, 'a/1', 'old');
      await put(world, 'a/1', 'new');
      await world.advance(5_000);
      await put(world, 'a/1', 'newest');
      await world.advance(5_000);
      await remove(world, 'a/1');
      await world.advance(5_000);
      stop();
      expect(told).toEqual(['[a/1=new]', 'a/1=newest', '-a/1']);
    }));

  it('tells the state again when history was compacted under the watch', () =>
    inWorld(async (world) => {
      const client = world.client();
      const { told, stop } = followed(client);
      await world.settle();
      client.store.partition();
      await put(world, 'a/1', 'missed');
      client.store.endWatches();
      client.store.heal();
      await world.settle();
      await remove(world, 'a/1');
      await world.settle();
      stop();
      expect(told).toEqual(['[]', '[a/1=missed]', '-a/1']);
    }));

  it('asks again for a list whose answer was lost', () =>
    inWorld(async (world) => {
      const client = world.client();
      client.store.loseReply('range');
      client.store.loseRequest('range');
      const { told, stop } = followed(client);
      await world.advance(1_000);
      stop();
      expect(told).toEqual(['[]']);
    }));

  it('ends for good when the store refuses', () =>
    inWorld(async (world) => {
      const client = world.client();
      client.store.refuse('range', etcdError('permissionDenied'));
      const { told } = followed(client);
      await world.settle();
      expect(told).toEqual(['PERMISSION_DENIED']);
      expect(client.store.openWatches).toBe(0);
    }));

  it('tells nothing after it was stopped, whatever was under way', () =>
    inWorld(async (world) => {
      const client = world.client();
      client.store.delay('range', { replyMs: 100 });
      const { told, stop } = followed(client);
      await world.advance(50);
      stop();
      await world.advance(1_000);
      expect(told).toEqual([]);
    }));

  it('can be stopped from within what it tells', () =>
    inWorld(async (world) => {
      const { store, runtime } = world.client();
      const told: string[] = [];
      const stop = follow(
        store,
        runtime,
        { key: utf8('a') },
        {
          onSnapshot: () => {
            told.push('snapshot');
            stop();
          },
          onEvents: () => told.push('events'),
          onEnd: () => told.push('end'),
        },
      );
      await world.settle();
      await put(world, 'a', 'x');
      await remove(world, 'a');
      await world.settle();
      expect(told).toEqual(['snapshot']);
      expect(store.openWatches).toBe(0);
    }));
});
