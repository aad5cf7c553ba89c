import { describe, expect, it } from 'vitest';
import { anyCall } from './faulty-store.js';
import { type Client, inWorld, type SimWorld } from './sim-world.js';

/** A client takes something and gives it back, while others want it. */
export type Scenario = (world: SimWorld, client: Client) => Promise<void>;

/** What a scenario may leave on the store when all is over; takes it away. Default: nothing is left. */
export type Tidy = (world: SimWorld) => Promise<void>;

const ttlMs = 60_000;

/**
 * Runs each scenario as often as it makes calls, and lets another one suffer each time: the same outcome, and nothing
 * left. `promise` goes before the titles.
 */
export function describeLostMessages(
  promise: string,
  scenarios: Readonly<Record<string, Scenario>>,
  tidy: Tidy = async () => {},
): void {
  describe.each(Object.entries(scenarios))(`${promise}, in the scenario "%s"`, (_, scenario) => {
    it.each(['loseRequest', 'loseReply'] as const)('when any one call suffers %s', async (fault) => {
      const calls = await eachCall(scenario, tidy, 10_000, ({ store }, k) => store[fault](anyCall, k));
      expect(calls).toBeGreaterThan(2);
      expect(calls).toBeLessThan(200);
    });

    it.each([10, 3_000, 30_000])('when any one call is applied %s ms after it was given up', async (afterMs) => {
      const calls = await eachCall(scenario, tidy, 60_000, ({ store }, k) => store.applyLate(anyCall, afterMs, k));
      expect(calls).toBeGreaterThan(2);
    });

    it('when the transport sends any one call twice', async () => {
      const calls = await eachCall(scenario, tidy, 10_000, ({ store }, k) => store.duplicate(anyCall, 0, k));
      expect(calls).toBeGreaterThan(2);
    });
  });
}

/** How many calls the scenario makes: past the last one the fault finds nothing to hit. */
async function eachCall(
  scenario: Scenario,
  tidy: Tidy,
  lateMs: number,
  order: (client: Client, k: number) => void,
): Promise<number> {
  let k = 0;
  for (let hit = true; hit && k < 200; k++) {
    await inWorld(async (world) => {
      const client = world.client({ ttlMs });
      order(client, k);
      await scenario(world, client);
      hit = client.store.pendingFaults === 0;
      await world.advance(lateMs);
      expect(client.store.inFlight).toBe(0);
      await tidy(world);
      expect(await world.keys()).toEqual([]);
    });
  }
  return k;
}
