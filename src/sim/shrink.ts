import type { Plan, PlannedFault } from './plan.js';
import { runPlan, type SeedResult } from './run-seed.js';

export interface ShrinkOptions {
  /** Runs that it may take. Default: 400. */
  readonly maxRuns?: number | undefined;
}

export interface Shrunk {
  readonly result: SeedResult;
  readonly runs: number;
}

/**
 * A smaller plan that breaks the same promise: fewer faults first, then fewer operations, then shorter faults; again
 * from the front for as long as that helps.
 */
export async function shrink(failing: SeedResult, { maxRuns = 400 }: ShrinkOptions = {}): Promise<Shrunk> {
  const rules = new Set(failing.violations.map(({ rule }) => rule));
  let best = failing;
  let runs = 0;
  const improve = async (smaller: (plan: Plan) => Iterable<Plan>): Promise<boolean> => {
    for (const plan of smaller(best.plan)) {
      if (runs >= maxRuns) return false;
      runs += 1;
      const result = await runPlan(plan);
      if (!result.violations.some(({ rule }) => rules.has(rule))) continue;
      best = result;
      return true;
    }
    return false;
  };
  const passes = [withFewerFaults, withFewerOperations, withShorterFaults];
  // Bounded by `maxRuns`: each turn has made the plan smaller.
  for (let improved = true; improved; ) {
    improved = false;
    for (const pass of passes) while (await improve(pass)) improved = true;
  }
  return { result: best, runs };
}

/** Halves, quarters and so on are left out first, single ones last. */
function* chunksLeftOut<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let size = Math.ceil(items.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < items.length; at += size) yield [...items.slice(0, at), ...items.slice(at + size)];
  }
}

function* withFewerFaults(plan: Plan): Generator<Plan> {
  for (const faults of chunksLeftOut(plan.faults)) yield withFaults(plan, faults);
}

/** Clients without operations stay: they still draw their share of chance. */
function* withFewerOperations(plan: Plan): Generator<Plan> {
  const places = plan.scripts.flatMap((tasks, client) =>
    tasks.flatMap((script, task) => script.map((_, at) => ({ client, task, at }))),
  );
  for (const kept of chunksLeftOut(places)) {
    const stays = new Set(kept.map(({ client, task, at }) => `${client} ${task} ${at}`));
    const scripts = plan.scripts.map((tasks, client) =>
      tasks.map((script, task) => script.filter((_, at) => stays.has(`${client} ${task} ${at}`))),
    );
    yield { ...plan, scripts };
  }
}

function* withShorterFaults(plan: Plan): Generator<Plan> {
  for (const [at, fault] of plan.faults.entries()) {
    const lastsMs = fault.untilMs - fault.atMs;
    if (lastsMs < 20) continue;
    const shorter = { ...fault, untilMs: fault.atMs + Math.round(lastsMs / 2) };
    yield withFaults(
      plan,
      plan.faults.map((each, i) => (i === at ? shorter : each)),
    );
  }
}

function withFaults(plan: Plan, faults: readonly PlannedFault[]): Plan {
  return { ...plan, faults, healAtMs: faults.reduce((last, { untilMs }) => Math.max(last, untilMs), 0) };
}
