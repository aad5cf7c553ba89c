import { calm } from './checkers/calm.js';
import type { Violation } from './checkers/violation.js';
import { type DrawOptions, drawPlan } from './draw-plan.js';
import type { History } from './history.js';
import type { Plan } from './plan.js';
import { SimRun } from './sim-run.js';
import { workloadOf } from './workloads/workloads.js';
import type { TraceListener } from './world.js';

export interface SeedResult {
  readonly ok: boolean;
  readonly plan: Plan;
  readonly violations: readonly Violation[];
  /** Equal for equal seeds. */
  readonly traceHash: string;
  readonly events: number;
  readonly simMs: number;
  readonly healedMs: number;
  readonly history: History;
}

export function runSeed(seed: number, workload: string, options: DrawOptions = {}): Promise<SeedResult> {
  return runPlan(drawPlan(seed, workloadOf(workload), options));
}

/** Runs a plan once and judges what happened. */
export async function runPlan(plan: Plan, onEvent?: TraceListener): Promise<SeedResult> {
  const workload = workloadOf(plan.workload);
  const outcome = await new SimRun(plan, workload, onEvent).execute();
  const found = [calm, ...workload.checkers].flatMap((check) => check(outcome.history));
  const violations = [...outcome.violations, ...found];
  return { ...outcome, plan, violations, ok: violations.length === 0 };
}
