import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sim } from '../../src/sim/cli.js';
import { drawPlan } from '../../src/sim/draw-plan.js';
import { faultWords } from '../../src/sim/faults/fault-words.js';
import { runSeed } from '../../src/sim/run-seed.js';
import { workloadOf, workloads } from '../../src/sim/workloads/workloads.js';

const chunk = 250;
const chunks = Array.from({ length: 8 }, (_, i) => 1 + i * chunk);

// Errors are expected by the thousand here, and their stacks take half of the time.
const { stackTraceLimit } = Error;
beforeAll(() => {
  Error.stackTraceLimit = 0;
});
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit;
});

describe('the simulator', () => {
  // Together 2,000 seeds, the workloads in turns.
  it.each(chunks)(`finds nothing in ${chunk} seeds from %i on`, { timeout: 120_000 }, async (from) => {
    const lines: string[] = [];
    const print = (line: string) => lines.push(line);
    const code = await sim({ seeds: chunk, from, maxFailures: 1 }, { print, nowMs: () => 0 });
    expect(lines.slice(0, -1).join('\n')).toBe('');
    expect(lines.at(-1)).toMatch(`sim: ${chunk} seeds, 0 failures`);
    expect(code).toBe(0);
  });

  it.each(workloads.map(({ name }) => name))('runs %s the same way twice', { timeout: 60_000 }, async (name) => {
    for (let seed = 1; seed <= 25; seed++) {
      const [first, second] = [await runSeed(seed, name), await runSeed(seed, name)];
      expect(second.traceHash, `seed ${seed}`).toBe(first.traceHash);
      expect(second.history).toEqual(first.history);
    }
  });

  it('runs different seeds differently', async () => {
    const hashes = new Set<string>();
    for (let seed = 1; seed <= 20; seed++) hashes.add((await runSeed(seed, 'lock')).traceHash);
    expect(hashes.size).toBe(20);
  });

  it('uses every fault word', () => {
    const used = new Set<string>();
    for (let seed = 1; seed <= 500; seed++) {
      for (const { word } of drawPlan(seed, workloadOf('lock')).faults) used.add(word);
    }
    expect([...used].sort()).toEqual(faultWords.map(({ word }) => word).sort());
  });

  it('draws plans that survive being written down', () => {
    for (let seed = 1; seed <= 100; seed++) {
      for (const workload of workloads) {
        const plan = drawPlan(seed, workload);
        expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
      }
    }
  });
});

describe('the control run', () => {
  it('loses writes where the outside store takes whatever comes', { timeout: 120_000 }, async () => {
    const lost = new Set<string>();
    for (let seed = 1; seed <= 300 && lost.size === 0; seed++) {
      for (const { rule } of (await runSeed(seed, 'unfenced')).violations) lost.add(rule);
    }
    expect([...lost].every((rule) => rule.startsWith('guarded-writes'))).toBe(true);
    expect(lost.size).toBeGreaterThan(0);
  });
});
