import { describe, expect, it } from 'vitest';
import { sim } from '../../src/sim/cli.js';
import { sizeOf } from '../../src/sim/plan.js';
import { failureReport } from '../../src/sim/report.js';
import { runPlan, runSeed, type SeedResult } from '../../src/sim/run-seed.js';
import { shrink } from '../../src/sim/shrink.js';

/** The first seed of the control run in which a write is lost. */
async function lostWrite(): Promise<SeedResult> {
  for (let seed = 1; seed <= 2000; seed++) {
    const result = await runSeed(seed, 'unfenced');
    if (!result.ok) return result;
  }
  throw new Error('the control run has lost nothing in 2,000 seeds');
}

describe('a failing seed', () => {
  it('is shrunk to a plan that breaks the same promise', { timeout: 120_000 }, async () => {
    const failing = await lostWrite();
    const { result, runs } = await shrink(failing);
    const [before, after] = [sizeOf(failing.plan), sizeOf(result.plan)];
    expect(after.faults).toBeLessThanOrEqual(before.faults);
    expect(after.operations).toBeLessThan(before.operations);
    expect(runs).toBeGreaterThan(1);
    const again = await runPlan(JSON.parse(JSON.stringify(result.plan)));
    expect(again.violations.map(({ rule }) => rule)).toEqual(result.violations.map(({ rule }) => rule));
    expect(again.traceHash).toBe(result.traceHash);
    const report = failureReport(failing, result.plan);
    expect(report).toContain(`FAILED seed ${failing.plan.seed}, workload unfenced`);
    expect(report).toContain('shrunk to ');
    expect(report.split('\n').at(-1)).toBe(`replay: npm run sim -- --seed ${failing.plan.seed} --workload unfenced`);
  });

  it('fails the command, which prints it and ends with the summary', { timeout: 120_000 }, async () => {
    const { plan } = await lostWrite();
    const lines: string[] = [];
    const host = { print: (line: string) => lines.push(line), nowMs: () => 0 };
    const options = { seeds: 3, from: plan.seed, workload: 'unfenced', maxFailures: 1 };
    expect(await sim(options, host)).toBe(1);
    expect(lines[0]).toMatch(/^FAILED seed /);
    expect(lines.at(-1)).toMatch(/^sim: 1 seeds, 1 failures, /);
  });

  it('is replayed with what happened in it', async () => {
    const lines: string[] = [];
    const host = { print: (line: string) => lines.push(line), nowMs: () => 0 };
    expect(await sim({ seed: 3, workload: 'lock', events: true }, host)).toBe(0);
    expect(lines[0]).toMatch(/^plan: \{"seed":3,"workload":"lock",/);
    expect(lines.some((line) => line.includes('lock.acquire lock/'))).toBe(true);
    expect(lines.some((line) => line.includes('. /etcdserverpb.KV/Txn'))).toBe(true);
    expect(lines.at(-1)).toMatch(/^sim: 1 seeds, 0 failures, trace [0-9a-f]{16}, /);
  });
});
