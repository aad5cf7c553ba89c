import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deferred } from '../../src/core/deferred.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';

describe('NodeRuntime', () => {
  it('reads three clocks that do not go back', () => {
    const runtime = new NodeRuntime();
    const first = runtime.clocks();
    const second = runtime.clocks();
    expect(second.monotonicMs).toBeGreaterThanOrEqual(first.monotonicMs);
    expect(second.bootMs).toBeGreaterThanOrEqual(first.bootMs);
    expect(first.bootMs).toBeGreaterThan(0);
    expect(new Date(first.wallMs).getUTCFullYear()).toBeGreaterThan(2023);
  });

  it('never calls before the delay has passed', async () => {
    const runtime = new NodeRuntime();
    for (const delayMs of [0, 0.4, 1, 2.7, 5]) {
      const startMs = performance.now();
      const fired = deferred<number>();
      runtime.setTimer(delayMs, () => fired.resolve(performance.now() - startMs));
      expect(await fired.promise).toBeGreaterThanOrEqual(delayMs);
    }
  });

  it('gives random bytes of the length asked for', () => {
    const runtime = new NodeRuntime();
    expect(runtime.randomBytes(8)).toHaveLength(8);
    expect(runtime.randomBytes(16)).not.toEqual(runtime.randomBytes(16));
  });
});

describe('NodeRuntime timers', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('wait for delays that setTimeout cannot take', () => {
    const runtime = new NodeRuntime();
    let calls = 0;
    const delayMs = 5 * 2 ** 31;
    runtime.setTimer(delayMs, () => calls++);
    vi.advanceTimersByTime(delayMs - 1);
    expect(calls).toBe(0);
    vi.advanceTimersByTime(1);
    expect(calls).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('are taken back, before and after a part of a long delay', () => {
    const runtime = new NodeRuntime();
    let calls = 0;
    const cancelEarly = runtime.setTimer(10, () => calls++);
    const cancelLate = runtime.setTimer(2 ** 32, () => calls++);
    cancelEarly();
    vi.advanceTimersByTime(2 ** 31 + 10);
    cancelLate();
    cancelLate();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(2 ** 32);
    expect(calls).toBe(0);
  });

  it('hold nothing open for an infinite delay', () => {
    new NodeRuntime().setTimer(Number.POSITIVE_INFINITY, () => {});
    expect(vi.getTimerCount()).toBe(0);
  });
});
