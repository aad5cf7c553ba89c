import { describe, expect, it } from 'vitest';
import { Readers } from '../../src/core/readers.js';
import { errorOf } from '../support/sim-world.js';

describe('readers', () => {
  it('hear of what is told after the call, each of all of it', async () => {
    const readers = new Readers<number>(10);
    readers.tell(0);
    const [first, second] = [readers.read(), readers.read()];
    readers.tell(1);
    readers.tell(2);
    expect([(await first.next()).value, (await second.next()).value, (await first.next()).value]).toEqual([1, 1, 2]);
  });

  it('lose the oldest when they are slow', async () => {
    const readers = new Readers<number>(2);
    const reader = readers.read();
    for (const each of [1, 2, 3]) readers.tell(each);
    expect([(await reader.next()).value, (await reader.next()).value]).toEqual([2, 3]);
  });

  it('end with the error, behind what was told before; whoever comes later, at once', async () => {
    const readers = new Readers<number>(10);
    const reader = readers.read();
    readers.tell(1);
    readers.end(new Error('over'));
    readers.end(new Error('again'));
    expect((await reader.next()).value).toBe(1);
    expect(await errorOf(reader.next())).toMatchObject({ message: 'over' });
    expect(await errorOf(readers.read().next())).toMatchObject({ message: 'over' });
  });

  it('are told the reason of their own abort', async () => {
    const readers = new Readers<number>(10);
    const aborts = new AbortController();
    const next = readers.read(aborts.signal).next();
    aborts.abort(new Error('enough'));
    expect(await errorOf(next)).toMatchObject({ message: 'enough' });
  });
});
