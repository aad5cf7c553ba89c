import type { SiteKind } from '../sites/site.js';
import type { Trial } from '../trial.js';

/** Something that goes wrong for real, and is put right again before `run` resolves. */
export interface Fault {
  readonly word: string;
  /** Why it cannot be made here, to members that run there; undefined: it can. */
  readonly missing?: ((site: SiteKind) => Promise<string | undefined>) | undefined;
  run(trial: Trial): Promise<void>;
}
