import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { SeedResult } from '../../../src/sim/run-seed.js';
import { applyEdit, type Mutant } from './mutant.js';

/** Seeds within which each must be found. */
export const seedsMax = 1000;

export interface Finding {
  readonly seed: number;
  readonly workload: string;
  readonly rules: readonly string[];
}

/** The compiled library: this file lies in `<out>/test/sim/mutants`. */
const compiled = fileURLToPath(new URL('../../../src', import.meta.url));

/** Plants the bug in a copy of the compiled library and runs seeds on it until one fails; undefined if none does. */
export async function runMutant(mutant: Mutant): Promise<Finding | undefined> {
  // Inside the repository, so that npm packages are found; beside the compiled tree, so that it is ignored with it.
  const copy = join(dirname(compiled), 'mutants', `${mutant.name.replace(/\W+/g, '-')}-${process.pid}`);
  await rm(copy, { recursive: true, force: true });
  await mkdir(dirname(copy), { recursive: true });
  await cp(compiled, copy, { recursive: true });
  try {
    for (const edit of mutant.edits) {
      const path = join(copy, edit.file);
      await writeFile(path, applyEdit(await readFile(path, 'utf8'), edit));
    }
    return await firstFailure(mutant, copy);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

async function firstFailure({ workloads, rules }: Mutant, copy: string): Promise<Finding | undefined> {
  const url = pathToFileURL(join(copy, 'sim', 'run-seed.js')).href;
  const { runSeed } = (await import(url)) as { runSeed(seed: number, workload: string): Promise<SeedResult> };
  for (let seed = 1; seed <= seedsMax; seed++) {
    const workload = workloads[seed % workloads.length] as string;
    const result = await runSeed(seed, workload);
    const broken = [...new Set(result.violations.map(({ rule }) => rule))];
    if (broken.some((rule) => rules.some((each) => rule.startsWith(each)))) return { seed, workload, rules: broken };
  }
  return undefined;
}
