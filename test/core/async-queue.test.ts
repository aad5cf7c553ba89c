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
    const all = collect(queue.drain());
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
    expect(await collect(queue.drain())).toEqual([3, 4]);
  });

  it('leaves out what is the same as the one before, also where others were dropped', async () => {
    const same = (a: number | null, b: number | null) => a === b;
    const queue = new AsyncQueue<number | null>(2, { same });
    for (const each of [null, null, 1, 1]) queue.push(each);
    const items = queue.drain();
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
    const items = queue.drain();
    expect((await items.next()).value).toBe(1);
    expect(await errorOf(items.next())).toBe('first');
  });

  it('throws the reason of its signal at once, while it waits and between two items', async () => {
    const controller = new AbortController();
    const waiting = errorOf(new AsyncQueue<number>(2).drain(controller.signal).next());
    const queue = new AsyncQueue<number>(2);
    queue.push(1);
    queue.push(2);
    const items = queue.drain(controller.signal);
    expect((await items.next()).value).toBe(1);
    controller.abort('enough');
    expect(await waiting).toBe('enough');
    expect(await errorOf(items.next())).toBe('enough');
  });
});
