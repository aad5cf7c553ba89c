import type { CampaignOptions } from '../../src/election/campaign.js';
import type { Leader } from '../../src/election/leader.js';
import type { Leadership } from '../../src/election/leadership.js';
import { type Client, errorOf, type SimWorld } from '../support/sim-world.js';

/** Work that ends when it is told to. */
export function untilStopped(leadership: Leadership): Promise<void> {
  return new Promise((resolve) => {
    if (leadership.signal.aborted) resolve();
    leadership.signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Stands for `e`, behind whoever stands already. */
export async function stand(
  world: SimWorld,
  { conclave }: Client,
  value: string,
  options: CampaignOptions = {},
): Promise<{ readonly campaign: Promise<Leadership> }> {
  const campaign = conclave.election('e').campaign(value, options);
  campaign.catch(() => {});
  await world.advance(200);
  return { campaign };
}

/** The values of those who stand, the leader first. */
export async function standing(world: SimWorld): Promise<string[]> {
  return (await world.keys('elections/e/')).map(({ value }) => value.toString());
}

/** Everyone who led, as an observer that never fails is told. */
export function watchLeaders(world: SimWorld, { conclave }: Client) {
  const told: (Leader | null)[] = [];
  const aborts = new AbortController();
  const loop = async () => {
    for await (const leader of conclave.election('e').observe({ signal: aborts.signal })) told.push(leader);
  };
  const ended = errorOf(loop());
  return {
    told,
    values: () => told.map((leader) => leader?.value ?? null),
    stop: async () => {
      aborts.abort('enough');
      await world.until(ended);
    },
  };
}
