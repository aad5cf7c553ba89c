import { describe, expect, it } from 'vitest';
import type { Backend } from '../support/backends.js';
import { errorOf } from '../support/sim-world.js';
import { recipesOfData } from './recipe-fixture.js';

/** What counters promise, whatever they stand on. */
export function counterContract(backend: Backend): void {
  describe('counters', () => {
    // Numbers are data, and stay.
    const start = recipesOfData(backend);

    it('COUNTER-1: processes that add at the same time lose nothing', async () => {
      const { process } = await start();
      const counters = [await process(), await process(), await process()].map((each) => each.counter('c'));
      const values = await Promise.all(
        counters.flatMap((counter) => Array.from({ length: 10 }, () => counter.increment())),
      );
      expect([...values].sort((a, b) => Number(a - b))).toEqual(values.map((_, i) => BigInt(i + 1)));
      expect(await counters[0]?.get()).toBe(30n);
    });

    it('COUNTER-3, COUNTER-4: 64-bit values to their last digit, and not beyond', async () => {
      const { process } = await start();
      const counter = (await process()).counter('c');
      expect(await counter.get()).toBe(0n);
      expect(await counter.set(9_223_372_036_854_775_806n)).toBe(0n);
      expect(await counter.increment()).toBe(9_223_372_036_854_775_807n);
      expect(await errorOf(counter.increment())).toMatchObject({ code: 'OUT_OF_RANGE', outcome: 'not-applied' });
      expect(await counter.compareAndSet(9_223_372_036_854_775_807n, -1n)).toBe(true);
      expect(await counter.compareAndSet(0n, 5n)).toBe(false);
      expect([await counter.get(), await counter.delete(), await counter.get()]).toEqual([-1n, true, 0n]);
      expect(await counter.delete()).toBe(false);
      expect(await errorOf(counter.add(2 ** 53))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    });

    it('COUNTER-6: no number twice, whoever asks', async () => {
      const { process } = await start();
      const processes = [await process(), await process()];
      const sequences = processes.map((each, i) => each.sequence('s', { block: i === 0 ? 1 : 7 }));
      const ids = await Promise.all(sequences.flatMap((each) => Array.from({ length: 20 }, () => each.next())));
      expect(new Set(ids).size).toBe(40);
    });

    it('COUNTER-7: the burst is for all processes together', async () => {
      const { process } = await start();
      const processes = [await process(), await process()];
      const limiters = processes.map((each) => each.rateLimiter('l', { limit: 1, perMs: 60_000, burst: 5 }));
      const takes = await Promise.all(limiters.flatMap((each) => Array.from({ length: 8 }, () => each.take())));
      expect(takes.filter(({ allowed }) => allowed)).toHaveLength(5);
      const { allowed, retryAfterMs } = (await limiters[0]?.take()) ?? {};
      expect(allowed).toBe(false);
      expect(retryAfterMs).toBeGreaterThan(0);
    });
  });
}
