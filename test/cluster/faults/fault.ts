import type { Trial } from '../trial.js';

/** Something that goes wrong for real, and is put right again before `run` resolves. */
export interface Fault {
  readonly word: string;
  /** Why it cannot be made here; undefined: it can. */
  readonly missing?: (() => Promise<string | undefined>) | undefined;
  run(trial: Trial): Promise<void>;
}
