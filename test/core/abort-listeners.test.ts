import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { linkCall, linkSignals, onAbort } from '../../src/core/abort.js';
import { Cancellation } from '../../src/core/cancellation.js';
import { inWorld, outcomeOf } from '../support/sim-world.js';

const warnings: string[] = [];
const collect = (warning: Error) => warnings.push(warning.name);

beforeEach(() => {
  warnings.length = 0;
  process.on('warning', collect);
});

afterEach(() => {
  process.off('warning', collect);
});

/** Node tells warnings in a later turn of its loop. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('waiting for an abort', () => {
  it('calls everybody once, in order, and nobody who has gone', () => {
    const controller = new AbortController();
    const told: unknown[] = [];
    onAbort(controller.signal, (reason) => told.push(['first', reason]));
    const leave = onAbort(controller.signal, (reason) => told.push(['second', reason]));
    onAbort(controller.signal, (reason) => told.push(['third', reason]));
    leave();
    leave();
    controller.abort('why');
    controller.abort('again');
    expect(told).toEqual([
      ['first', 'why'],
      ['third', 'why'],
    ]);
  });

  it('works again after everybody has gone', () => {
    const controller = new AbortController();
    const told: unknown[] = [];
    const leave = onAbort(controller.signal, () => told.push('early'));
    leave();
    onAbort(controller.signal, (reason) => told.push(reason));
    leave();
    controller.abort('why');
    expect(told).toEqual(['why']);
  });

  it('takes a clean-up from within a call', () => {
    const controller = new AbortController();
    const told: unknown[] = [];
    onAbort(controller.signal, () => leave());
    const leave = onAbort(controller.signal, () => told.push('second'));
    controller.abort();
    expect(told).toEqual([]);
  });

  it('links a hundred signals to one without a warning from Node', async () => {
    const controller = new AbortController();
    const linked = Array.from({ length: 100 }, () => linkSignals(controller.signal));
    await turn();
    expect(warnings).toEqual([]);
    controller.abort('why');
    expect(linked.map(({ signal }) => signal.reason)).toEqual(linked.map(() => 'why'));
  });

  it('lets fifty locks wait and be held on one session and one signal without a warning from Node', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const controller = new AbortController();
      const options = { signal: controller.signal };
      await world.until(Promise.all(Array.from({ length: 50 }, (_, i) => conclave.lock(`held ${i}`, options))));
      const waiting = Array.from({ length: 50 }, (_, i) => outcomeOf(conclave.lock(`held ${i}`, options)));
      await world.settle();
      expect(await world.keys('locks/')).toHaveLength(100);
      await turn();
      expect(warnings).toEqual([]);
      controller.abort('stop');
      expect(await world.until(Promise.all(waiting))).toEqual(waiting.map(() => ({ error: 'stop' })));
      expect(await world.keys('locks/')).toHaveLength(50);
    }));
});

describe('a cancellation', () => {
  it('tells everybody once, in order, the first reason that it was given', () => {
    const call = new Cancellation();
    const told: unknown[] = [];
    onAbort(call, (reason) => told.push(['first', reason]));
    const leave = onAbort(call, (reason) => told.push(['second', reason]));
    onAbort(call, (reason) => told.push(['third', reason]));
    leave();
    leave();
    expect(call.aborted).toBe(false);
    call.throwIfAborted();
    call.abort('why');
    call.abort('again');
    onAbort(call, (reason) => told.push(['late', reason]));
    expect(told).toEqual([
      ['first', 'why'],
      ['third', 'why'],
      ['late', 'why'],
    ]);
    expect(() => call.throwIfAborted()).toThrow('why');
  });

  it('lets those who are told take back each other', () => {
    const call = new Cancellation();
    const told: string[] = [];
    const leaves = ['a', 'b', 'c', 'd'].map((name) =>
      onAbort(call, () => {
        told.push(name);
        leaves[1]?.();
        leaves[3]?.();
      }),
    );
    call.abort('why');
    expect(told).toEqual(['a', 'c']);
  });

  it('follows signals of both kinds until it is unlinked', () => {
    const controller = new AbortController();
    const other = new Cancellation();
    const [first, second] = [linkCall(controller.signal, other), linkCall(controller.signal, other)];
    first.unlink();
    other.abort('why');
    controller.abort('later');
    expect(first.signal.aborted).toBe(false);
    expect(second.signal.reason).toBe('why');
  });
});
