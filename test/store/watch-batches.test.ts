import { describe, expect, it } from 'vitest';
import { utf8, utf8Text } from '../../src/core/bytes.js';
import { ConclaveError } from '../../src/core/errors.js';
import { put } from '../../src/store/ops.js';
import { watchBatches } from '../../src/store/watch-batches.js';
import { errorOf, inWorld, type SimWorld } from '../support/sim-world.js';

const spec = { key: utf8('a') };

function write(world: SimWorld, value: string) {
  return world.truth.txn({ success: [put('a', value)] });
}

async function clear(world: SimWorld): Promise<void> {
  await world.truth.txn({ success: [{ type: 'deleteRange', request: { key: utf8('a') } }] });
}

describe('watchBatches()', () => {
  it('yields what changes while the reader works, in order', () =>
    inWorld(async (world) => {
      const { store } = world.client();
      const seen: string[] = [];
      const read = async () => {
        for await (const { events } of watchBatches(store, { ...spec, startRevision: 2n }, undefined)) {
          for (const { kv } of events) seen.push(utf8Text(kv.value));
          if (seen.length === 2) await write(world, '3');
          if (seen.length === 3) return;
        }
      };
      await write(world, '1');
      await write(world, '2');
      await world.until(read());
      expect(seen).toEqual(['1', '2', '3']);
      expect(store.openWatches).toBe(0);
      await clear(world);
    }));

  it('throws the reason of its signal, and holds no watch after the abort even if nobody reads', () =>
    inWorld(async (world) => {
      const { store } = world.client();
      const controller = new AbortController();
      const batches = watchBatches(store, { ...spec, startRevision: 2n }, controller.signal);
      await write(world, '1');
      await world.until(batches.next());
      expect(store.openWatches).toBe(1);
      controller.abort('enough');
      expect(store.openWatches).toBe(0);
      expect(await errorOf(batches.next())).toBe('enough');
      expect(await errorOf(watchBatches(store, spec, controller.signal).next())).toBe('enough');
      await clear(world);
    }));

  it('throws what ended the watch', () =>
    inWorld(async (world) => {
      const { store } = world.client();
      const next = errorOf(watchBatches(store, spec, undefined).next());
      await world.settle();
      store.endWatches(new ConclaveError('COMPACTED', 'compacted'));
      expect(await next).toMatchObject({ code: 'COMPACTED' });
    }));

  it('tells a reader that has fallen too far behind, after what it had kept', () =>
    inWorld(async (world) => {
      const { store } = world.client();
      const batches = watchBatches(store, { ...spec, startRevision: 2n }, undefined);
      await write(world, 'first');
      await world.until(batches.next());
      for (let i = 0; i < 10_001; i++) await write(world, `${i}`);
      await world.settle();
      const kept = (await batches.next()).value;
      expect(kept?.events.length).toBe(10_000);
      expect(kept?.events.map(({ kv }) => kv.modRevision)).toEqual(
        Array.from({ length: 10_000 }, (_, i) => 3n + BigInt(i)),
      );
      expect(kept?.revision).toBe(10_002n);
      expect(await errorOf(batches.next())).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
      await clear(world);
    }));
});
