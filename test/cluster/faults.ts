import { monotonicMs, sleep } from './clock.js';
import { clientKill, clientStall, clientStop } from './faults/client.js';
import { diskError, diskFull, diskSlow } from './faults/disk.js';
import type { Fault } from './faults/fault.js';
import { leaderCut, leaderKill, leaderStop, slowPeers } from './faults/leader.js';
import { brokenLinks, clientCut, slowLinks } from './faults/links.js';
import {
  leaderFirewall,
  leaderPowerCut,
  leaderUnplugged,
  packetLoss,
  pairCut,
  socketsKilled,
} from './faults/packets.js';
import { compaction } from './faults/store.js';
import type { Trial } from './trial.js';

/** Everything that can be made here without further help; `clock-jump` needs a library. */
export const plainFaults: readonly Fault[] = [
  leaderKill,
  leaderStop,
  leaderCut,
  slowPeers,
  clientStop,
  clientStall,
  clientKill,
  clientCut,
  slowLinks,
  brokenLinks,
  compaction,
  diskFull,
  diskSlow,
  diskError,
  leaderUnplugged,
  leaderPowerCut,
  leaderFirewall,
  pairCut,
  packetLoss,
  socketsKilled,
];

/** Of 30 s each. */
const healsMax = 4;

/** Time without any fault, before the first. */
const calmMs = 1500;

/**
 * One fault after the other until the time is up, each as often as every other, in an order that the seed decides. Each
 * is marked in the history, so that what happened can be told by fault.
 */
export async function injectFaults(
  trial: Trial,
  faults: readonly Fault[],
  forMs: number,
  stop: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  const startMs = monotonicMs();
  let bag: Fault[] = [];
  trial.note({ window: 'none' });
  await sleep(Math.min(calmMs, forMs));
  // Bounded by `forMs`: every fault takes time.
  while (monotonicMs() - startMs < forMs && !stop.aborted) {
    if (bag.length === 0) bag = shuffled(trial, faults);
    const fault = bag.pop();
    if (fault === undefined) return;
    trial.note({ window: fault.word });
    say(`${((monotonicMs() - startMs) / 1000).toFixed(1)} s ${fault.word}`);
    await injected(trial, fault);
  }
}

/** A fault that cannot be put right again is a finding, and no reason to leave the rest unjudged. */
async function injected(trial: Trial, fault: Fault): Promise<void> {
  try {
    await fault.run(trial);
  } catch (error) {
    trial.problems.push(`${fault.word}: ${(error as Error).message}`);
    await healed(trial);
  }
}

/** On a machine with more to do than it can, three etcds need minutes to agree on a leader. */
async function healed(trial: Trial): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await trial.cluster.heal();
    } catch (error) {
      if (tries === healsMax) throw error;
    }
  }
}

function shuffled(trial: Trial, faults: readonly Fault[]): Fault[] {
  const bag = [...faults];
  for (let i = bag.length - 1; i > 0; i--) {
    const j = trial.random.below(i + 1);
    [bag[i], bag[j]] = [bag[j] as Fault, bag[i] as Fault];
  }
  return bag;
}
