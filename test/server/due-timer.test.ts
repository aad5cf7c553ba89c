import { describe, expect, it } from 'vitest';
import { DueTimer } from '../../src/server/grpc/due-timer.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';

/** Whoever waits, by name; `ended` tells when each was ended. */
function waiting() {
  const runtime = new SimRuntime();
  const startMs = runtime.monotonicMs();
  const due = new Map<string, number>();
  const ended: [string, number][] = [];
  const timer = new DueTimer(runtime, (nowMs) => {
    for (const [name, dueMs] of due) {
      if (dueMs > nowMs) continue;
      due.delete(name);
      ended.push([name, nowMs - startMs]);
    }
    return Math.min(Number.POSITIVE_INFINITY, ...due.values());
  });
  return { runtime, due, ended, timer, wait: (name: string, delayMs: number) => due.set(name, timer.dueIn(delayMs)) };
}

describe('DueTimer', () => {
  it('ends everybody in time, whatever order they came in', async () => {
    const { runtime, wait, ended } = waiting();
    wait('long', 1_000);
    wait('short', 10);
    await runtime.advance(5);
    wait('middle', 100);
    await runtime.advance(2_000);
    expect(ended).toEqual([
      ['short', 10],
      ['middle', 105],
      ['long', 1_000],
    ]);
  });

  it('has one timer for all, and none once nobody waits', async () => {
    const { runtime, wait, due, ended } = waiting();
    for (let i = 0; i < 100; i++) wait(String(i), 100 + i);
    expect(runtime.pendingTimers).toBe(1);
    due.clear();
    await runtime.advance(100);
    expect(runtime.pendingTimers).toBe(0);
    expect(ended).toEqual([]);
  });

  it('sets no timer any more once it is stopped', async () => {
    const { runtime, wait, timer, ended } = waiting();
    wait('before', 10);
    timer.stop();
    wait('after', 10);
    expect(runtime.pendingTimers).toBe(0);
    await runtime.advance(100);
    expect(ended).toEqual([]);
  });
});
