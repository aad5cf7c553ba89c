import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { showViolation } from '../../src/sim/checkers/violation.js';
import type { Plan } from '../../src/sim/plan.js';
import { runPlan } from '../../src/sim/run-seed.js';

/** A plan, not only its seed: what a seed draws changes whenever a fault or an operation is added. */
interface Regression {
  readonly title: string;
  readonly plan: Plan;
}

const regressions = JSON.parse(
  readFileSync(new URL('./regressions.json', import.meta.url), 'utf8'),
) as readonly Regression[];

describe('bugs that the simulator has found', () => {
  it.each(regressions.map(({ title, plan }) => [title, plan] as const))('%s', async (_, plan) => {
    const { violations } = await runPlan(plan);
    expect(violations.map(showViolation)).toEqual([]);
  });

  it('are kept with a title each', () => {
    const titles = regressions.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
    expect(titles.filter((title) => title.trim() === '')).toEqual([]);
  });
});
