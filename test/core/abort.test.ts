import { describe, expect, it } from 'vitest';
import { abortable, pause, withDeadline } from '../../src/core/abort.js';
import { deferred } from '../../src/core/deferred.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { errorOf } from '../support/sim-world.js';

/** Waits for the abort of `signal` and rejects with its reason. */
function never(signal: AbortSignal): Promise<never> {
  return abortable(new Promise<never>(() => {}), signal);
}

describe('withDeadline()', () => {
  it('gives the result and takes its timer back', async () => {
    const sim = new SimRuntime();
    const { signal } = new AbortController();
    expect(await withDeadline(sim, 'it', { signal, timeoutMs: 1_000 }, async () => 'result')).toBe('result');
    expect(sim.pendingTimers).toBe(0);
  });

  it('rejects with TIMEOUT, naming the call and the time', async () => {
    const sim = new SimRuntime();
    const error = errorOf(withDeadline(sim, 'lock "x"', { timeoutMs: 1_000 }, never));
    await sim.advance(999);
    await sim.advance(1);
    expect(await error).toMatchObject({ code: 'TIMEOUT', message: 'lock "x": not done within 1000 ms' });
  });

  it.each([{}, { timeoutMs: 1_000 }])('rejects when it throws at once, with the options %o', async (options) => {
    const call = () =>
      withDeadline(new SimRuntime(), 'it', options, () => {
        throw new Error('at once');
      });
    await expect(call()).rejects.toThrow('at once');
  });

  it('rejects with the reason of the signal, before anything runs if it has aborted', async () => {
    const sim = new SimRuntime();
    const controller = new AbortController();
    const error = errorOf(withDeadline(sim, 'it', { signal: controller.signal, timeoutMs: 1_000 }, never));
    controller.abort('enough');
    expect(await error).toBe('enough');
    expect(sim.pendingTimers).toBe(0);
    let ran = false;
    const late = withDeadline(sim, 'it', { signal: controller.signal }, async () => {
      ran = true;
    });
    expect(await errorOf(late)).toBe('enough');
    expect(ran).toBe(false);
  });

  it('waits for ever without a timeout, and with an infinite one', async () => {
    const sim = new SimRuntime();
    const done = deferred<string>();
    const both = [undefined, Number.POSITIVE_INFINITY].map((timeoutMs) =>
      withDeadline(sim, 'it', { timeoutMs }, () => done.promise),
    );
    expect(sim.pendingTimers).toBe(0);
    done.resolve('done');
    expect(await Promise.all(both)).toEqual(['done', 'done']);
  });
});

describe('abortable()', () => {
  it('settles as the promise does, or as the signal, whichever comes first', async () => {
    const controller = new AbortController();
    expect(await abortable(Promise.resolve(1), controller.signal)).toBe(1);
    expect(await errorOf(abortable(Promise.reject(new Error('mine')), controller.signal))).toEqual(new Error('mine'));
    const late = deferred();
    const lost = errorOf(abortable(late.promise, controller.signal));
    controller.abort('enough');
    expect(await lost).toBe('enough');
    // The loser's rejection is nobody's to handle.
    late.reject(new Error('too late'));
  });
});

describe('pause()', () => {
  it('ends after its time, or with its signal, and leaves no timer', async () => {
    const sim = new SimRuntime();
    const controller = new AbortController();
    await sim.until(pause(sim, 100, controller.signal));
    expect(sim.nowMs).toBe(100);
    const cut = errorOf(pause(sim, 100, controller.signal));
    controller.abort('enough');
    expect(await cut).toBe('enough');
    expect(await errorOf(pause(sim, 100, controller.signal))).toBe('enough');
    expect(sim.pendingTimers).toBe(0);
  });
});
