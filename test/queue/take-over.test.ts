import { expect, it } from 'vitest';
import { inQueueWorld } from './support.js';

/** What a crash may cost besides the time to live. */
const boundMs = 500;

it.each([
  [2_000, true],
  [2_000, false],
  [10_000, true],
  [10_000, false],
])('QUEUE-7: a crash gives the job to another by TTL + 0.5 s: TTL %i ms, keeper %s', async (ttlMs, isKeeper) => {
  for (const afterMs of [0, ttlMs / 6, ttlMs / 3 - 1, ttlMs]) {
    await inQueueWorld(async (world) => {
      const [dying, other] = [world.client({ ttlMs }), world.client({ ttlMs })];
      const [first, second] = isKeeper ? [dying, other] : [other, dying];
      const early = await world.until(first.conclave.queue('q').consumer());
      const late = await world.until(second.conclave.queue('q').consumer());
      const [lost, kept] = isKeeper ? [early, late] : [late, early];
      await world.until(other.conclave.queue('q').enqueueAll(['a', 'b']));
      const job = await world.until(lost.take());
      // It stands in the idle line in front of the other one, too.
      const b = await world.until(lost.take());
      await world.until(b.ack());
      const idle = lost.take().catch(() => {});
      await world.advance(100);
      const taken = kept.take();
      await world.advance(100 + afterMs);
      const crashedMs = world.sim.monotonicMs();
      dying.store.partition();
      const again = await world.until(taken);
      const tookMs = world.sim.monotonicMs() - crashedMs;
      expect([again.payload, again.attempt]).toEqual(['a', 2]);
      expect(tookMs).toBeLessThanOrEqual(ttlMs + boundMs);
      // Who has lost it knew before.
      expect(job.held).toBe(false);
      await world.until(again.ack());
      dying.store.heal();
      await idle;
      await world.until(lost.close());
      await world.until(kept.close());
    });
  }
});
