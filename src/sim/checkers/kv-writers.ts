import type { Unsure } from './kv-linearizable.js';

/** Steps of all searches together; a history that needs more has thousands of writes that nobody can tell apart. */
export const stepsMax = 2_000_000;

/** What one writer made: a revision, or its part of one that a batch made. */
interface Slot {
  readonly revision: number;
  readonly candidates: readonly Unsure[];
}

/**
 * Which write of unknown fate made which revision: each made one at most. Who could have made a revision does not
 * depend on who made the others, since the log tells the state before each: so this is a matching in a graph of two
 * sides, which augmenting paths find exactly, whatever was chosen before.
 */
export class KvWriters {
  readonly #writerOf = new Map<Slot, Unsure>();
  readonly #madeBy = new Map<Unsure, Slot>();
  readonly #maxSteps: number;
  #steps = 0;

  constructor(maxSteps = stepsMax) {
    this.#maxSteps = maxSteps;
  }

  /** The search was given up: nothing that `explain` refused since then is proved. */
  get exhausted(): boolean {
    return this.#steps > this.#maxSteps;
  }

  /** Whether `revision` has a writer among `candidates`, beside all that was explained before. */
  explain(revision: number, candidates: readonly Unsure[]): boolean {
    /** By whom a write was reached: the slot that would take it over. */
    const reachedFrom = new Map<Unsure, Slot>();
    const waiting: Slot[] = [{ revision, candidates }];
    // Bounded: each slot is reached by way of its one writer, and each writer once.
    for (let at = 0; at < waiting.length && !this.exhausted; at++) {
      const next = waiting[at] as Slot;
      for (const unsure of next.candidates) {
        this.#steps += 1;
        if (unsure.floor >= next.revision || reachedFrom.has(unsure)) continue;
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

  /** Along the path back: each slot gives the writer that it had to the one that reached it. */
  #takeOver(free: Unsure, reachedFrom: ReadonlyMap<Unsure, Slot>): void {
    // Bounded by the path, which ends at the slot that has no writer yet.
    for (let given: Unsure | undefined = free; given !== undefined; ) {
      const slot = reachedFrom.get(given) as Slot;
      const before = this.#writerOf.get(slot);
      this.#writerOf.set(slot, given);
      this.#madeBy.set(given, slot);
      given = before;
    }
  }
}
