import { AsyncLocalStorage } from 'node:async_hooks';
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

  it('reads the clock that counts sleep again when a step has passed, or the wall clock has not gone with it', () => {
    let reads = 0;
    const clock = new BootClock(() => 1_000 * ++reads);
    expect([clock.at(5, 70), clock.at(5.4, 70), clock.at(14.9, 80)]).toEqual([1_000, 1_000, 1_000]);
    expect([clock.at(15, 80), clock.at(24, 89)]).toEqual([2_000, 2_000]);
    // The machine sleeps, which the monotonic clock does not see; then the wall clock is set back.
    expect([clock.at(24.1, 9_089), clock.at(24.2, 8_000), clock.at(24.3, 8_000)]).toEqual([3_000, 4_000, 4_000]);
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

  it('of one delay are one timer of Node’s, and each fires once, when it is due', () => {
    const runtime = new NodeRuntime();
    const fired: string[] = [];
    const set = (name: string) => runtime.setTimer(100, () => fired.push(`${name} ${performance.now()}`));
    const startMs = performance.now();
    const at = (name: string, ms: number) => `${name} ${startMs + ms}`;
    set('a');
    vi.advanceTimersByTime(30);
    const takeBack = set('b');
    set('c');
    expect(vi.getTimerCount()).toBe(1);
    takeBack();
    vi.advanceTimersByTime(99);
    expect(fired).toEqual([at('a', 100)]);
    vi.advanceTimersByTime(1);
    expect(fired).toEqual([at('a', 100), at('c', 130)]);
    takeBack();
    expect(vi.getTimerCount()).toBe(0);
    set('d');
    vi.advanceTimersByTime(1_000);
    expect(fired).toEqual([at('a', 100), at('c', 130), at('d', 230)]);
  });

  it('of one delay may set and take back others while they fire', () => {
    const runtime = new NodeRuntime();
    const fired: string[] = [];
    let takeBack = () => {};
    runtime.setTimer(100, () => {
      fired.push('first');
      takeBack();
      runtime.setTimer(100, () => fired.push('later'));
    });
    takeBack = runtime.setTimer(100, () => fired.push('taken back'));
    runtime.setTimer(100, () => fired.push('last'));
    vi.advanceTimersByTime(100);
    expect(fired).toEqual(['first', 'last']);
    vi.advanceTimersByTime(100);
    expect(fired).toEqual(['first', 'last', 'later']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('of one delay do not wait again for the time that one before them took', () => {
    const runtime = new NodeRuntime();
    let [tookMs, calls] = [0, 0];
    const nowMs = performance.now.bind(performance);
    const spy = vi.spyOn(performance, 'now').mockImplementation(() => nowMs() + tookMs);
    runtime.setTimer(100, () => {
      tookMs = 60;
    });
    vi.advanceTimersByTime(30);
    runtime.setTimer(100, () => calls++);
    vi.advanceTimersByTime(70);
    expect([tookMs, calls]).toEqual([60, 0]);
    vi.advanceTimersByTime(1);
    expect(calls).toBe(1);
    spy.mockRestore();
  });

  it('of one delay fire in the async context of whoever set them', () => {
    const runtime = new NodeRuntime();
    const request = new AsyncLocalStorage<string>();
    const fired: (string | undefined)[] = [];
    const set = () => runtime.setTimer(100, () => fired.push(request.getStore()));
    for (const name of ['a', 'b', 'c']) {
      request.run(name, set);
      vi.advanceTimersByTime(40);
    }
    set();
    vi.advanceTimersByTime(200);
    expect(fired).toEqual(['a', 'b', 'c', undefined]);
  });

  it('of one delay fire though one before them throws', () => {
    const runtime = new NodeRuntime();
    let calls = 0;
    runtime.setTimer(100, () => {
      throw new Error('planted');
    });
    runtime.setTimer(100, () => calls++);
    expect(() => vi.advanceTimersByTime(100)).toThrow('planted');
    vi.advanceTimersByTime(1);
    expect(calls).toBe(1);
  });
});

describe('a process', () => {
  /** Timers that keep it alive. */
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

  it.each([5_000, 5_000.5])('is kept alive by a timer of %d ms until it is taken back', (delayMs) => {
    const runtime = new NodeRuntime();
    const before = timers();
    for (let i = 0; i < 3; i++) {
      const [one, other] = [runtime.setTimer(delayMs, () => {}), runtime.setTimer(delayMs, () => {})];
      one();
      expect(timers()).toBe(before + 1);
      other();
      expect(timers()).toBe(before);
    }
  });
});
