import { describe, expect, it, vi } from 'vitest';
import { Prng } from '../../src/sim/prng.js';
import type { CrashFsFaults } from './support/crash-fs.js';
import { crashTrial, type TrialResult } from './support/crash-trial.js';

/** `CONCLAVE_CRASH_STATES=1000000` judges as many. */
const statesAsked = Number(process.env.CONCLAVE_CRASH_STATES ?? 4_000);
const operationsPerTrial = 40;

vi.setConfig({ testTimeout: Math.max(60_000, statesAsked * 5) });

async function states(count: number, faults?: CrashFsFaults): Promise<TrialResult> {
  const sum = { states: 0, cut: 0, checkpointed: 0, violations: [] as string[] };
  // Bounded: every trial judges some.
  for (let seed = 1; sum.states < count; seed++) {
    const { states, cut, checkpointed, violations } = await crashTrial(new Prng(seed), operationsPerTrial, faults);
    sum.states += states;
    sum.cut += cut;
    sum.checkpointed += checkpointed;
    sum.violations.push(...violations.map((each) => `seed ${seed}: ${each}`));
  }
  return sum;
}

describe('a power cut', () => {
  it(`takes nothing that was acknowledged or told, and invents nothing (${statesAsked} states)`, async () => {
    const result = await states(statesAsked);
    expect(result.violations.slice(0, 5)).toEqual([]);
    expect(result.states).toBeGreaterThanOrEqual(statesAsked);
    // Else it would prove little.
    expect(result.cut).toBeGreaterThan(result.states / 50);
    expect(result.checkpointed).toBeGreaterThan(result.states / 10);
  });

  it.each<[string, CrashFsFaults, RegExp]>([
    ['an acknowledgement before the sync', { syncDoesNothing: true }, /acknowledged|does not open/],
    ['a directory that is not synced', { syncDirDoesNothing: true }, /acknowledged|does not open/],
  ])('would be seen to take something with %s', async (_, faults, message) => {
    const { violations } = await states(300, faults);
    expect(violations.length).toBeGreaterThan(0);
    expect(violations.join('\n')).toMatch(message);
  });
});
