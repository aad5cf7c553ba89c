import type { Unsure } from './kv-linearizable.js';

/** Steps of all searches together; a history that needs more has thousands of writes that nobody can tell apart. */
export const stepsMax = 2_000_000;

/**
 * Which write of unknown fate made which revision: each made one at most. Who could have made a revision does not
 * depend on who made the others, since the log tells the state before each: so this is a matching in a graph of two
 * sides, which augmenting paths find exactly, whatever was chosen before.
 */
export class KvWriters {
  readonly #candidates = new Map<number, readonly Unsure[]>();
  readonly #writerOf = new Map<number, Unsure>();
  readonly #madeBy = new Map<Unsure, number>();
  readonly #maxSteps: number;
  #steps = 0;

  constructor(maxSteps = stepsMax) {
    this.#maxSteps = maxSteps;
  }

  /** The search was given up: nothing that `explain` refused since then is proved. */
  get exhausted(): boolean {
    return this.#steps > this.#maxSteps;
  }

  /** Whether `revision` has a writer among `candidates`, beside all revisions that were explained before. */
  explain(revision: number, candidates: readonly Unsure[]): boolean {
    this.#candidates.set(revision, candidates);
    /** By whom a write was reached: the revision that would take it over. */
    const reachedFrom = new Map<Unsure, number>();
    const waiting = [revision];
    // Bounded: each revision is reached by way of its one writer, and each writer once.
    for (let at = 0; at < waiting.length && !this.exhausted; at++) {
      const next = waiting[at] as number;
      for (const unsure of this.#candidates.get(next) ?? []) {
        this.#steps += 1;
        if (unsure.floor >= next || reachedFrom.has(unsure)) continue;
        reachedFrom.set(unsure, next);
        const owner = this.#madeBy.get(unsure);
        if (owner === undefined) {
          this.#takeOver(unsure, reachedFrom);
          return true;
        }
        waiting.push(owner);
      }
    }
    return false;
  }

  /** Along the path back: each revision gives the writer that it had to the one that reached it. */
  #takeOver(free: Unsure, reachedFrom: ReadonlyMap<Unsure, number>): void {
    // Bounded by the path, which ends at the revision that has no writer yet.
    for (let given: Unsure | undefined = free; given !== undefined; ) {
      const revision = reachedFrom.get(given) as number;
      const before = this.#writerOf.get(revision);
      this.#writerOf.set(revision, given);
      this.#madeBy.set(given, revision);
      given = before;
    }
  }
}
