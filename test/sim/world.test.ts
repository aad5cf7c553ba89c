import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/sim/prng.js';
import { SimProcess } from '../../src/sim/sim-process.js';
import { onGrid, World } from '../../src/sim/world.js';

function worldWith(...names: string[]): { world: World; processes: SimProcess[] } {
  const world = new World(1);
  return { world, processes: names.map((name, i) => new SimProcess(world, name, new Prng(i))) };
}

describe('a world', () => {
  it('lets events happen in order of time, then of asking, and what awaits one before the next', async () => {
    const { world } = worldWith();
    const seen: string[] = [];
    const event = (name: string) => async () => {
      seen.push(name);
      await Promise.resolve();
      await Promise.resolve();
      seen.push(`${name} went on`);
    };
    world.after(2, undefined, 'x', () => void event('third')());
    world.after(1, undefined, 'x', () => void event('first')());
    world.after(1, undefined, 'x', () => void event('second')());
    await world.run(() => false, 10);
    expect(seen).toEqual(['first', 'first went on', 'second', 'second went on', 'third', 'third went on']);
    expect(world.nowMs).toBe(10);
  });

  it('stops when it is done, and leaves the rest', async () => {
    const { world } = worldWith();
    let count = 0;
    for (let i = 1; i <= 5; i++) world.after(i, undefined, 'x', () => (count += 1));
    expect(await world.run(() => count === 3, 100)).toBe(true);
    expect([count, world.nowMs]).toEqual([3, 3]);
    expect(await world.run(() => count === 9, 100)).toBe(false);
    expect([count, world.nowMs]).toEqual([5, 100]);
  });

  it('takes events back', async () => {
    const { world } = worldWith();
    let happened = false;
    world.after(1, undefined, 'x', () => (happened = true))();
    await world.run(() => false, 5);
    expect(happened).toBe(false);
  });

  it('fails when time stands still', async () => {
    const { world } = worldWith();
    const again = () => void world.after(0, undefined, 'x', again);
    again();
    await expect(world.run(() => false, 5)).rejects.toThrow('time stands still at 0 ms');
  });

  it('has a hash that depends on what happened, when, and to whom', async () => {
    const digest = async (delayMs: number, kind: string, name: string) => {
      const { world, processes } = worldWith(name);
      world.after(delayMs, processes[0], kind, () => {});
      await world.run(() => false, 5);
      return world.hash.digest;
    };
    const base = await digest(1, 'a', 'p');
    expect(await digest(1, 'a', 'p')).toBe(base);
    expect(new Set([base, await digest(2, 'a', 'p'), await digest(1, 'b', 'p'), await digest(1, 'a', 'q')]).size).toBe(
      4,
    );
    expect(base).toMatch(/^[0-9a-f]{16}$/);
  });

  it('keeps moments on a grid on which sums are exact', () => {
    expect(onGrid(0.1 + 0.2)).toBe(onGrid(0.3));
    expect(onGrid(5)).toBe(5);
    expect(onGrid(1.00001)).toBeGreaterThan(1);
  });
});

describe('a process', () => {
  it('stands still while paused, with its clocks going on', async () => {
    const { world, processes } = worldWith('p');
    const [process] = processes as [SimProcess];
    const seen: string[] = [];
    const before = process.clocks();
    process.setTimer(5, () => seen.push('timer'));
    world.after(3, process, 'message', () => seen.push('message'));
    process.pause();
    await world.run(() => false, 10);
    expect(seen).toEqual([]);
    process.resume(true);
    expect(process.clocks().monotonicMs - before.monotonicMs).toBe(10);
    await world.run(() => false, 11);
    expect(seen).toEqual(['timer', 'message']);
  });

  it('finds its sockets before its timers if the seed says so', async () => {
    const { world, processes } = worldWith('p');
    const [process] = processes as [SimProcess];
    const seen: string[] = [];
    process.setTimer(1, () => seen.push('timer'));
    world.after(3, process, 'message', () => seen.push('message'));
    process.pause();
    await world.run(() => false, 10);
    process.resume(false);
    await world.run(() => false, 11);
    expect(seen).toEqual(['message', 'timer']);
  });

  it('does nothing more once it has crashed, and nobody else minds', async () => {
    const { world, processes } = worldWith('p', 'q');
    const [process, other] = processes as [SimProcess, SimProcess];
    const seen: string[] = [];
    process.setTimer(5, () => seen.push('p'));
    other.setTimer(5, () => seen.push('q'));
    process.crash();
    process.setTimer(1, () => seen.push('p after all'));
    await world.run(() => false, 10);
    expect(seen).toEqual(['q']);
    expect(other.pendingTimers).toBe(0);
  });

  it('has clocks of its own: wall, rate, and a sleep that only the monotonic clock does not count', async () => {
    const { world, processes } = worldWith('p');
    const [process] = processes as [SimProcess];
    const start = process.clocks();
    process.jumpWall(-500);
    process.setRate(2);
    let firedAtMs: number | undefined;
    process.setTimer(100, () => (firedAtMs = world.nowMs));
    await world.run(() => firedAtMs !== undefined, 1000);
    expect(firedAtMs).toBe(50);
    const now = process.clocks();
    expect(now.monotonicMs - start.monotonicMs).toBe(100);
    expect(now.wallMs - start.wallMs).toBe(-400);
    process.setRate(1);
    process.pause();
    await world.run(() => false, 550);
    process.resume(true, 500);
    const awake = process.clocks();
    expect(awake.monotonicMs - now.monotonicMs).toBe(0);
    expect(awake.wallMs - now.wallMs).toBe(500);
    expect(Math.abs(awake.bootMs - now.bootMs - 500)).toBeLessThanOrEqual(10);
  });

  it('fires no timer early, whatever happens to its clocks', async () => {
    const { world, processes } = worldWith('p');
    const [process] = processes as [SimProcess];
    const startMs = process.monotonicMs();
    let sinceMs: number | undefined;
    process.setTimer(100, () => (sinceMs = process.monotonicMs() - startMs));
    process.setRate(0.5);
    await world.run(() => sinceMs !== undefined, 1000);
    expect(sinceMs).toBeGreaterThanOrEqual(100 - 1e-6);
    expect(world.nowMs).toBeGreaterThanOrEqual(199);
  });
});
