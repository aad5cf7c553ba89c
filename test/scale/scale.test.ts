import { describe, expect, it } from 'vitest';
import { loadOf, type ServiceHabits } from './cost-model.js';
import { countLoad } from './simulated-services.js';

const habits: ServiceHabits = { ttlMs: 10_000, locksPerSecond: 0.5, discovers: 2, instancesEach: 5 };
const seconds = 60;

describe('docs/SCALE.md', () => {
  // `npm run scale`: the thousand takes a minute.
  it.each(process.env.CONCLAVE_SCALE === undefined ? [10, 100] : [10, 100, 1_000])(
    'is what %i simulated services cost',
    { timeout: 300_000 },
    async (services) => {
      const counted = await countLoad(services, habits, seconds);
      const computed = loadOf(services, habits);
      const rows = Object.entries(counted).map(([what, count]) => {
        return [what, computed[what as keyof typeof counted], count] as const;
      });
      for (const [what, due, count] of rows)
        console.log(`${services} services, ${what}: computed ${due}, counted ${count}`);
      // A rate over a minute is off by what falls on either side of its ends.
      for (const [what, due, count] of rows) expect(Math.abs(count - due) / due, what).toBeLessThan(0.1);
    },
  );

  it('counts what it says: a service that locks twice as often writes twice as much', async () => {
    const busy = await countLoad(10, { ...habits, locksPerSecond: 1 }, seconds);
    const due = loadOf(10, habits).writesPerSecond;
    expect(Math.abs(busy.writesPerSecond - 2 * due) / due).toBeLessThan(0.2);
  });
});
