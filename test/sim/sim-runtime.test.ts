import { describe, expect, it } from 'vitest';
import { pause } from '../../src/core/abort.js';
import { elapsedMs } from '../../src/core/runtime.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';

describe('SimRuntime timers', () => {
  it('run in order of due time, then of arming', async () => {
    const runtime = new SimRuntime();
    const ran: string[] = [];
    runtime.setTimer(20, () => ran.push('c'));
    runtime.setTimer(10, () => ran.push('a'));
    runtime.setTimer(10, () => ran.push('b'));
    await runtime.advance(9.5);
    expect(ran).toEqual([]);
    await runtime.advance(0.5);
    expect(ran).toEqual(['a', 'b']);
    await runtime.advance(100);
    expect(ran).toEqual(['a', 'b', 'c']);
    expect(runtime.nowMs).toBe(110);
  });

  it('show the time at which each is due, also to those armed on the way', async () => {
    const runtime = new SimRuntime();
    const seen: number[] = [];
    runtime.setTimer(0.1, () => {
      seen.push(runtime.nowMs);
      runtime.setTimer(0.2, () => seen.push(runtime.nowMs));
    });
    await runtime.advance(1);
    expect(seen).toEqual([0.1, 0.1 + 0.2]);
  });

  it('are followed by everything that awaits them before the next one runs', async () => {
    const runtime = new SimRuntime();
    const ran: string[] = [];
    const waits = async (delayMs: number, name: string) => {
      await pause(runtime, delayMs);
      for (let hop = 0; hop < 20; hop++) await Promise.resolve();
      ran.push(`${name} at ${runtime.nowMs}`);
    };
    const both = Promise.all([waits(5, 'first'), waits(6, 'second')]);
    await runtime.advance(10);
    expect(ran).toEqual(['first at 5', 'second at 6']);
    await both;
  });

  it('are taken back by the function returned, twice without harm, and counted', async () => {
    const runtime = new SimRuntime();
    const ran: string[] = [];
    const cancel = runtime.setTimer(5, () => ran.push('cancelled'));
    const afterRun = runtime.setTimer(6, () => ran.push('kept'));
    expect(runtime.pendingTimers).toBe(2);
    cancel();
    cancel();
    expect(runtime.pendingTimers).toBe(1);
    await runtime.advance(10);
    afterRun();
    expect(ran).toEqual(['kept']);
    expect(runtime.pendingTimers).toBe(0);
    expect(runtime.nextTimerMs).toBeUndefined();
  });

  it('keep their order when most of a thousand are taken back', async () => {
    const runtime = new SimRuntime({ seed: 7 });
    const ran: number[] = [];
    const timers = Array.from({ length: 1000 }, () => {
      const dueMs = runtime.random.below(500);
      return { dueMs, cancel: runtime.setTimer(dueMs, () => ran.push(dueMs)) };
    });
    const kept = timers.filter((timer, i) => {
      if (i % 10 === 0) return true;
      timer.cancel();
      return false;
    });
    expect(runtime.pendingTimers).toBe(100);
    await runtime.advance(500);
    expect(ran).toEqual(kept.map((timer) => timer.dueMs).sort((a, b) => a - b));
  });

  it('never run for an infinite delay, and at once for one below zero or no number', async () => {
    const runtime = new SimRuntime();
    const ran: string[] = [];
    runtime.setTimer(Number.POSITIVE_INFINITY, () => ran.push('never'));
    runtime.setTimer(-5, () => ran.push('negative'));
    runtime.setTimer(Number.NaN, () => ran.push('NaN'));
    await runtime.advance(0);
    expect(ran).toEqual(['negative', 'NaN']);
    expect(runtime.pendingTimers).toBe(0);
  });

  it('that throw fail the call that ran them', async () => {
    const runtime = new SimRuntime();
    runtime.setTimer(1, () => {
      throw new Error('boom');
    });
    await expect(runtime.advance(1)).rejects.toThrow('boom');
  });

  it('that arm themselves without delay are found out', async () => {
    const runtime = new SimRuntime();
    const again = () => {
      runtime.setTimer(0, again);
    };
    again();
    await expect(runtime.advance(1)).rejects.toThrow('without end');
  });
});

describe('SimRuntime clocks', () => {
  it('move together in advance', async () => {
    const runtime = new SimRuntime({ wallMs: 1000 });
    const earlier = runtime.clocks();
    await runtime.advance(250);
    expect(runtime.clocks()).toEqual({ monotonicMs: 250, bootMs: 250, wallMs: 1250 });
    expect(elapsedMs(runtime, earlier)).toBe(250);
  });

  it('move in a stall while no timer runs, not even after settling', async () => {
    const runtime = new SimRuntime();
    const ranAt: number[] = [];
    runtime.setTimer(10, () => ranAt.push(runtime.nowMs));
    const earlier = runtime.clocks();
    runtime.stall(5000);
    await runtime.settle();
    expect(ranAt).toEqual([]);
    expect(elapsedMs(runtime, earlier)).toBe(5000);
    expect(runtime.nextTimerMs).toBe(0);
    await runtime.advance(0);
    expect(ranAt).toEqual([5000]);
  });

  it('stay ahead when a timer stalls beyond the end of advance, which then runs what is overdue', async () => {
    const runtime = new SimRuntime();
    const ran: string[] = [];
    runtime.setTimer(1, () => runtime.stall(100));
    runtime.setTimer(50, () => ran.push('overdue'));
    await runtime.advance(10);
    expect(ran).toEqual(['overdue']);
    expect(runtime.nowMs).toBe(101);
  });

  it('differ after suspend: the monotonic one and the timers stand', async () => {
    const runtime = new SimRuntime({ wallMs: 0 });
    const ran: string[] = [];
    runtime.setTimer(10, () => ran.push('timer'));
    const earlier = runtime.clocks();
    runtime.suspend(60_000);
    await runtime.advance(9);
    expect(ran).toEqual([]);
    expect(runtime.clocks()).toEqual({ monotonicMs: 9, bootMs: 60_009, wallMs: 60_009 });
    expect(elapsedMs(runtime, earlier)).toBe(60_009);
  });

  it('differ after jumpWall, which may go back', () => {
    const runtime = new SimRuntime({ wallMs: 10_000 });
    runtime.jumpWall(-4000);
    expect(runtime.clocks()).toEqual({ monotonicMs: 0, bootMs: 0, wallMs: 6000 });
  });

  it('cannot go back by advance', async () => {
    await expect(new SimRuntime().advance(-1)).rejects.toThrow(RangeError);
    await expect(new SimRuntime().advance(Number.NaN)).rejects.toThrow(RangeError);
  });
});

describe('SimRuntime.until', () => {
  it('goes from timer to timer and stops at the one that settles the promise', async () => {
    const runtime = new SimRuntime();
    const ran: string[] = [];
    const done = pause(runtime, 30_000).then(() => 'done');
    runtime.setTimer(30_000, () => ran.push('same instant, armed later'));
    await expect(runtime.until(done)).resolves.toBe('done');
    expect(runtime.nowMs).toBe(30_000);
    expect(ran).toEqual([]);
  });

  it('rejects as the promise does', async () => {
    const runtime = new SimRuntime();
    const failing = pause(runtime, 5).then(() => {
      throw new Error('no');
    });
    await expect(runtime.until(failing)).rejects.toThrow('no');
  });

  it('gives up when no timer is left, and when the time is over', async () => {
    const runtime = new SimRuntime();
    const never = new Promise<void>(() => {});
    await expect(runtime.until(never)).rejects.toThrow('no timer is pending');
    runtime.setTimer(101, () => {});
    await expect(runtime.until(never, { maxMs: 100 })).rejects.toThrow('within 100 ms');
    expect(runtime.nowMs).toBe(0);
  });
});

describe('SimRuntime chance', () => {
  it('is the same for one seed and another for the next', () => {
    const draw = (seed: number) => Buffer.from(new SimRuntime({ seed }).randomBytes(16)).toString('hex');
    expect(draw(42)).toBe(draw(42));
    const seeds = Array.from({ length: 200 }, (_, i) => i);
    expect(new Set([...seeds.map(draw), draw(2 ** 32), draw(2 ** 33)]).size).toBe(202);
  });
});
