import type { Violation } from '../../../src/sim/checkers/index.js';
import type { History } from '../../../src/sim/history.js';
import type { Variant } from '../messages.js';
import type { Trial } from '../trial.js';
import { type Counts, count, type Figures, figuresOf } from './figures.js';
import { judge } from './judge.js';

/** What came of one trial. */
export interface Verdict {
  readonly rows: readonly Counts[];
  readonly violations: readonly Violation[];
  /** What went wrong beside the history. */
  readonly problems: readonly string[];
  readonly figures: Figures;
  /** Live leases that etcd itself took away. */
  readonly early: number;
  readonly history: History;
}

/** Heals, lets everyone finish, and judges what they wrote down. */
export async function verdictOf(trial: Trial, variant: Variant): Promise<Verdict> {
  await trial.heal();
  const { violations, early, history } = judge(await trial.finish(), trial.witness.events, trial.work, variant);
  const windows = count(history, trial.witness.events, trial.work);
  for (const { entries } of violations) windows.at(entries.at(-1)?.atMs ?? 0).violations += 1;
  const rows = windows.all;
  const idle = rows.every(({ acknowledged }) => acknowledged === 0);
  const problems = [...trial.problems, ...(idle ? ['nothing was acknowledged: this proves nothing'] : [])];
  return {
    rows,
    violations,
    problems,
    figures: figuresOf(history, trial.witness.events),
    early: early.length,
    history,
  };
}
