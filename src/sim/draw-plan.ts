import type { FaultWord, PlanField } from './faults/fault-word.js';
import { firstWords, laterWords } from './faults/fault-words.js';
import type { Plan, PlannedFault } from './plan.js';
import { Prng } from './prng.js';
import type { Workload } from './workload.js';

export const clientsDefault = 4;

export interface DrawOptions {
  /** Default: 4. */
  readonly clients?: number | undefined;
}

/** Mixed into the seed, so that the plan's chance is not that of the run. */
const planSalt = 0x51ed270b;

/** The whole plan of a seed. The same seed gives the same plan, on every machine. */
export function drawPlan(seed: number, workload: Workload, { clients = clientsDefault }: DrawOptions = {}): Plan {
  const random = new Prng(seed * 2 ** 8 + planSalt);
  const ttlMs = random.pick([2000, 3000, 5000]);
  const faultsMs = random.pick([2000, 4000, 8000]);
  const scripts = workload.draw(random.fork(), clients);
  const drawn = drawFaults(random.fork(), { clients, ttlMs }, faultsMs);
  const faults = drawn.filter(({ word }) => workload.suffers?.(word, scripts) ?? true);
  const maxMs = random.pick([1, 3, 10, 60]);
  return {
    seed,
    workload: workload.name,
    ttlMs,
    requestTimeoutMs: random.pick([1000, 5000]),
    endpoints: random.pick([1, 2]),
    asBytes: random.chance(0.05),
    network: { minMs: random.pick([0, 0.2]), maxMs },
    scripts,
    faults,
    healAtMs: faults.reduce((last, { untilMs }) => Math.max(last, untilMs), 0),
    // Last, so that a seed has the rest as it had before there was this.
    batchAfter: random.pick([undefined, 1, 2, 8]),
  };
}

/**
 * Each seed has only some of the words (swarm testing): what all of them together would drown, one of them alone may
 * show.
 */
function drawFaults(random: Prng, field: PlanField, faultsMs: number): PlannedFault[] {
  const share = random.pick([0.1, 0.25, 0.5]);
  const drawn = [firstWords, laterWords].flatMap((all) => {
    const words = all.filter(() => random.chance(share));
    return drawOf(words, random, field, faultsMs);
  });
  return drawn.sort((a, b) => a.atMs - b.atMs);
}

function drawOf(words: readonly FaultWord[], random: Prng, field: PlanField, faultsMs: number): PlannedFault[] {
  if (words.length === 0) return [];
  const count = 1 + random.below(random.pick([2, 5, 10]));
  return Array.from({ length: count }, () => {
    const word = random.pick(words);
    const { durationMs, params } = word.draw(random, field);
    const atMs = Math.round(random.between(0, faultsMs));
    return { word: word.word, atMs, untilMs: atMs + Math.round(durationMs), params };
  });
}
