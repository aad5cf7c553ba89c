import type { Checker } from './checkers/violation.js';
import type { Json, Plan } from './plan.js';
import type { Prng } from './prng.js';
import type { SimClient } from './sim-client.js';

/** What clients do in a run, and what must be true of it. */
export interface Workload {
  readonly name: string;
  /** Whether the server records every change of the store. */
  readonly recordsChanges: boolean;
  /** Keys that may be left on the store. */
  readonly keeps: (key: string) => boolean;
  readonly checkers: readonly Checker[];
  /** Draws the scripts of `clients` clients. */
  draw(random: Prng, clients: number): Plan['scripts'];
  /** What it needs besides the clients, made anew for each run. */
  stage(plan: Plan): Stage;
}

/** One run's state of a workload. */
export interface Stage {
  /** Does one operation in the process of `client`; must expect every error that the operation may end with. */
  perform(client: SimClient, operation: Json): Promise<void>;
  /** After each event of the run: looks at what is held. */
  look?(): void;
}
