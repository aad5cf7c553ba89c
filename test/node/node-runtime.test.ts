import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deferred } from '../../src/core/deferred.js';
import { BootClock } from '../../src/node/boot-clock.js';
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
    expect(runtime.randomBytes(10_000)).toHaveLength(10_000);
    const drawn = Array.from({ length: 10_000 }, () => Buffer.from(runtime.randomBytes(8)).toString('hex'));
    expect(new Set(drawn).size).toBe(10_000);
  });

  it('reads the clock that counts sleep again when another one has moved', () => {
    let reads = 0;
    const clock = new BootClock(() => 1_000 * ++reads);
    expect([clock.at(5, 70), clock.at(5.4, 70), clock.at(5.9, 70)]).toEqual([1_000, 1_000, 1_000]);
    // Time passes; then the machine sleeps, which the monotonic clock does not see; then the wall clock is set back.
    expect([clock.at(6, 70), clock.at(6.1, 9_070), clock.at(6.2, 8_000)]).toEqual([2_000, 3_000, 4_000]);
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
