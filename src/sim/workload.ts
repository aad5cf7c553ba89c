import type { Revision } from '../engine/key-record.js';
import type { CrowdLimits } from '../line/crowd.js';
import type { Checker } from './checkers/violation.js';
import type { Json, Plan } from './plan.js';
import type { Prng } from './prng.js';
import type { SimClient } from './sim-client.js';
import type { SimServer } from './sim-server.js';

/** What clients do in a run, and what must be true of it. */
export interface Workload {
  readonly name: string;
  /**
   * Whether every change of the store and every request of the clients are recorded, for the checkers of KV and watch.
   */
  readonly recordsKv: boolean;
  /** Whether something goes on beside the operations that must be given time to hear the latest. */
  readonly hasWatchers: boolean;
  /** Of the callers of a process in one line. Default: as ever. */
  readonly crowds?: Partial<CrowdLimits>;
  /** For how long it leaves keys on leases of their own behind. Default: it leaves none. */
  readonly outlivesMs?: number;
  /** Keys that may be left on the store. */
  readonly keeps: (key: string) => boolean;
  readonly checkers: readonly Checker[];
  /** Draws the scripts of `clients` clients. */
  draw(random: Prng, clients: number): Plan['scripts'];
  /** Whether a fault may be put into its plans: some break what the workload is about. Default: all. */
  suffers?(word: string, scripts: Plan['scripts']): boolean;
  /** What it needs besides the clients, made anew for each run. */
  stage(plan: Plan): Stage;
}

/** One run's state of a workload. */
export interface Stage {
  /** Does one operation in the process of `client`; must expect every error that the operation may end with. */
  perform(client: SimClient, operation: Json): Promise<void>;
  /** After each event of the run: looks at what is held. */
  look?(): void;
  /** After each revision of the store. */
  changed?(server: SimServer, revision: Revision): void;
  /** Ends what still goes on in the background. */
  end?(): Promise<void>;
}
