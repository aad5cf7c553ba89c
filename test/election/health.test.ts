import { describe, expect, it } from 'vitest';
import { deferred } from '../../src/core/deferred.js';
import type { Leadership } from '../../src/election/leadership.js';
import type { RunOptions } from '../../src/election/run.js';
import { type Client, errorOf, inWorld, type SimWorld } from '../support/sim-world.js';
import { stand, standing, untilStopped } from './support.js';

const ttlMs = 6_000;

/** Runs for `e` with the health in `state`, as `probe` tells it. */
async function running(
  world: SimWorld,
  client: Client,
  health: RunOptions['health'],
  finish: Promise<void> = Promise.resolve(),
) {
  const aborts = new AbortController();
  const led: Leadership[] = [];
  const work = async (leadership: Leadership) => {
    led.push(leadership);
    await untilStopped(leadership);
    await finish;
  };
  const ended = errorOf(client.conclave.election('e').run('a', work, { health, signal: aborts.signal }));
  await world.advance(300);
  const stop = async () => {
    aborts.abort('enough');
    expect(await world.until(ended)).toBe('enough');
  };
  return { led, ended, stop };
}

describe('run() with a health probe', () => {
  it('ELECTION-17: a sick leader tells its work to stop, waits for it, steps down, and stands again when healthy', () =>
    inWorld(async (world) => {
      const state = { ok: true };
      const finish = deferred();
      const probe = async () => state.ok;
      const { led, stop } = await running(world, world.client({ ttlMs }), probe, finish.promise);
      const { campaign: b } = await stand(world, world.client({ ttlMs }), 'b');
      state.ok = false;
      await world.advance(2_000);
      const [first] = led as [Leadership];
      expect(first.signal.aborted).toBe(false);
      await world.advance(1_500);
      expect(first.signal.reason).toMatchObject({ code: 'UNHEALTHY' });
      await world.advance(10_000);
      expect(first.held).toBe(true);
      finish.resolve();
      const next = await world.until(b);
      await world.advance(10_000);
      expect(await standing(world)).toEqual(['b']);
      state.ok = true;
      await world.advance(1_500);
      expect(await standing(world)).toEqual(['b', 'a']);
      await world.until(next.resign());
      await world.advance(500);
      expect(led).toHaveLength(2);
      await stop();
    }));

  it('ELECTION-17: whoever is sick does not stand: before the first success, and while it waits', () =>
    inWorld(async (world) => {
      const state = { ok: false };
      const { campaign: first } = await stand(world, world.client({ ttlMs }), 'b');
      const leader = await world.until(first);
      const probe = () => {
        if (!state.ok) throw new Error('no database');
      };
      const { led, stop } = await running(world, world.client({ ttlMs }), { probe, failures: 2, intervalMs: 500 });
      await world.advance(5_000);
      expect(await standing(world)).toEqual(['b']);
      state.ok = true;
      await world.advance(600);
      expect(await standing(world)).toEqual(['b', 'a']);
      state.ok = false;
      await world.advance(450);
      expect(await standing(world)).toEqual(['b', 'a']);
      await world.advance(600);
      expect(await standing(world)).toEqual(['b']);
      await world.until(leader.resign());
      await world.advance(5_000);
      expect(led).toHaveLength(0);
      state.ok = true;
      await world.advance(600);
      expect(led).toHaveLength(1);
      await stop();
    }));

  it('ELECTION-17: fewer failures in a row than the limit change nothing', () =>
    inWorld(async (world) => {
      let asked = 0;
      const probe = () => {
        asked += 1;
        return asked % 3 === 1;
      };
      const { led, stop } = await running(world, world.client({ ttlMs }), probe);
      await world.advance(60_000);
      expect(asked).toBeGreaterThan(50);
      expect(led).toHaveLength(1);
      expect(led[0]?.signal.aborted).toBe(false);
      await stop();
    }));

  it('ELECTION-17: a probe that hangs is sick, is told so, and is never asked twice at once', () =>
    inWorld(async (world) => {
      let [asking, most, told] = [0, 0, 0];
      let hang = deferred();
      hang.resolve();
      const probe = async (signal: AbortSignal) => {
        asking += 1;
        most = Math.max(most, asking);
        signal.addEventListener('abort', () => {
          told += 1;
        });
        await hang.promise;
        asking -= 1;
      };
      const { led, stop } = await running(world, world.client({ ttlMs }), probe);
      hang = deferred();
      await world.advance(7_000);
      expect(led[0]?.signal.reason).toMatchObject({ code: 'UNHEALTHY' });
      expect([asking, most, told]).toEqual([1, 1, 1]);
      expect(await standing(world)).toEqual([]);
      hang.resolve();
      await world.advance(3_000);
      expect(led).toHaveLength(2);
      await stop();
      // A probe that hangs at the end is told, too, and holds nothing.
      hang = deferred();
      const last = await running(world, world.client({ ttlMs }), probe);
      await last.stop();
      hang.resolve();
    }));

  it('ELECTION-17: a loss is a loss whatever the health is, and a healthy process stands again', () =>
    inWorld(async (world) => {
      const client = world.client({ ttlMs });
      const { led, stop } = await running(world, client, () => true);
      await world.truth.leaseRevoke({ id: client.conclave.session.leaseId });
      await world.advance(3_000);
      expect(led.map(({ held }) => held)).toEqual([false, true]);
      await stop();
    }));

  it.each([
    { probe: 'none' },
    { probe: () => true, intervalMs: 0 },
    { probe: () => true, timeoutMs: -1 },
    { probe: () => true, failures: 0 },
  ])('ELECTION-17: %j is refused', (health) =>
    inWorld(async (world) => {
      const { ended } = await running(world, world.client({ ttlMs }), health as RunOptions['health']);
      expect(await world.until(ended)).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }),
  );
});
