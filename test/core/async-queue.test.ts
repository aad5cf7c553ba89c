import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { AsyncQueue } from '../../src/core/async-queue.js';
import { errorOf } from '../support/sim-world.js';

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('AsyncQueue', () => {
  it('yields what was pushed, before and while it is read, until its end', async () => {
    const queue = new AsyncQueue<number>(10);
    queue.push(1);
    const all = collect(queue.read());
    await Promise.resolve();
    queue.push(2);
    queue.end();
    queue.push(3);
    expect(await all).toEqual([1, 2]);
  });

  it('drops the oldest when the reader is behind, never the newest', async () => {
    const queue = new AsyncQueue<number>(2);
    for (const each of [1, 2, 3, 4]) queue.push(each);
    queue.end();
    expect(await collect(queue.read())).toEqual([3, 4]);
  });

  it('leaves out what is the same as the one before, also where others were dropped', async () => {
    const same = (a: number | null, b: number | null) => a === b;
    const queue = new AsyncQueue<number | null>(2, { same });
    for (const each of [null, null, 1, 1]) queue.push(each);
    const items = queue.read();
    expect([(await items.next()).value, (await items.next()).value]).toEqual([null, 1]);
    for (const each of [1, 2, 1, 3]) queue.push(each);
    expect((await items.next()).value).toBe(3);
    for (const each of [3, 4, 5, 3]) queue.push(each);
    queue.end();
    expect(await collect(items)).toEqual([5, 3]);
  });

  it('throws what it was ended with after what was pushed; the first end counts', async () => {
    const queue = new AsyncQueue<number>(2);
    queue.push(1);
    queue.end('first');
    queue.end('second');
    const items = queue.read();
    expect((await items.next()).value).toBe(1);
    expect(await errorOf(items.next())).toBe('first');
  });

  it('throws the reason of its signal at once, while it waits and between two items', async () => {
    const controller = new AbortController();
    const waiting = errorOf(new AsyncQueue<number>(2).read({ signal: controller.signal }).next());
    const queue = new AsyncQueue<number>(2);
    queue.push(1);
    queue.push(2);
    const items = queue.read({ signal: controller.signal });
    expect((await items.next()).value).toBe(1);
    controller.abort('enough');
    expect(await waiting).toBe('enough');
    expect(await errorOf(items.next())).toBe('enough');
  });

  it('answers calls that wait in their order, an error once, and nothing behind the end', async () => {
    const queue = new AsyncQueue<number>(2);
    const items = queue.read();
    const calls = [items.next(), items.next(), errorOf(items.next()), items.next()];
    queue.push(1);
    queue.push(2);
    queue.end('over');
    expect(await Promise.all(calls)).toEqual([
      { value: 1, done: false },
      { value: 2, done: false },
      'over',
      { value: undefined, done: true },
    ]);
    queue.push(3);
    expect(await items.next()).toEqual({ value: undefined, done: true });
  });

  it('starts with the first call, and is over once: by its end, an abort, a return, a throw', async () => {
    const ways: readonly ((queue: AsyncQueue<number>, items: AsyncGenerator<number>) => unknown)[] = [
      (queue) => queue.end(),
      (queue) => queue.end('broken'),
      (_, items) => items.return(undefined),
      (_, items) => items.throw('thrown').catch(() => {}),
      (_, items) => items[Symbol.asyncDispose](),
    ];
    for (const leave of ways) {
      const told: string[] = [];
      const queue = new AsyncQueue<number>(2);
      const onStart = () => {
        told.push('start');
        return () => told.push('stop');
      };
      const items = queue.read({ onStart, onOver: () => told.push('over') });
      expect(told).toEqual([]);
      const waiting = items.next().catch(() => {});
      expect(told).toEqual(['start']);
      await leave(queue, items);
      await waiting;
      await items.return(undefined);
      expect(told).toEqual(['start', 'stop', 'over']);
    }
  });

  it('returns without waiting for an item, and drops what has not been read', async () => {
    const queue = new AsyncQueue<number>(2);
    const items = queue.read();
    const waiting = items.next();
    expect(await items.return(undefined)).toEqual({ value: undefined, done: true });
    expect(await waiting).toEqual({ value: undefined, done: true });
    const kept = new AsyncQueue<number>(2);
    kept.push(1);
    const unread = kept.read();
    expect(await errorOf(unread.throw('enough'))).toBe('enough');
    expect(kept.size).toBe(0);
    expect(await unread.next()).toEqual({ value: undefined, done: true });
  });

  it('does not start once it is over, and throws what its start throws', async () => {
    const told: string[] = [];
    const onOver = () => told.push('over');
    const onStart = () => {
      told.push('start');
      throw new Error('no start');
    };
    const left = new AsyncQueue<number>(2).read({ onStart, onOver });
    await left.return(undefined);
    expect(await left.next()).toEqual({ value: undefined, done: true });
    const aborted = new AsyncQueue<number>(2).read({ onStart, onOver, signal: AbortSignal.abort('before') });
    expect(await errorOf(aborted.next())).toBe('before');
    expect(told).toEqual(['over', 'over']);
    const broken = new AsyncQueue<number>(2).read({ onStart, onOver });
    expect(await errorOf(broken.next())).toMatchObject({ message: 'no start' });
    expect(told).toEqual(['over', 'over', 'start', 'over']);
    expect(await broken.next()).toEqual({ value: undefined, done: true });
  });

  it('stops what it started, also if it was aborted by that', async () => {
    const controller = new AbortController();
    const told: string[] = [];
    const onStart = () => {
      controller.abort('meanwhile');
      return () => told.push('stop');
    };
    const items = new AsyncQueue<number>(2).read({ signal: controller.signal, onStart });
    expect(await errorOf(items.next())).toBe('meanwhile');
    expect(told).toEqual(['stop']);
  });

  it('keeps a call as it was answered, and an abort behind it counts for the next', async () => {
    const pushed = new AbortController();
    const queue = new AsyncQueue<number>(2);
    const items = queue.read({ signal: pushed.signal });
    const waiting = items.next();
    queue.push(1);
    pushed.abort('enough');
    expect(await waiting).toEqual({ value: 1, done: false });
    expect(await errorOf(items.next())).toBe('enough');
    const ended = new AbortController();
    const other = new AsyncQueue<number>(2);
    const end = errorOf(other.read({ signal: ended.signal }).next());
    other.end('broken');
    ended.abort('enough');
    expect(await end).toBe('broken');
  });

  it('leaves nothing with a signal that outlives it, neither before its start nor behind its end', async () => {
    const controller = new AbortController();
    const listeners = () => getEventListeners(controller.signal, 'abort').length;
    const told: string[] = [];
    const queue = new AsyncQueue<number>(2);
    const onStart = () => () => {};
    const items = queue.read({ signal: controller.signal, onStart, onOver: () => told.push('over') });
    expect(listeners()).toBe(0);
    const next = items.next();
    expect(listeners()).toBe(1);
    queue.end();
    expect((await next).done).toBe(true);
    expect(listeners()).toBe(0);
    controller.abort('late');
    expect(told).toEqual(['over']);
    expect((await items.next()).done).toBe(true);
  });
});
