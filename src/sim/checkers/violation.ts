import { type Entry, encodeEntry, type History } from '../history.js';

/** What a checker found. */
export interface Violation {
  /** The promise and the guarantee of it that was broken, as in `watch: ordered`. */
  readonly rule: string;
  /**
   * `undecided`: the checker ran out of evidence or steps, and cannot say that the promise was kept. Never to be taken
   * for a pass.
   */
  readonly verdict: 'broken' | 'undecided';
  readonly message: string;
  /** The entries that prove it, in the order of the argument. */
  readonly entries: readonly Entry[];
}

/** Pure: the same history, the same answer. An empty answer means that the promise was kept. */
export type Checker = (history: History) => Violation[];

export function broken(rule: string, message: string, ...entries: (Entry | undefined)[]): Violation {
  return { rule, verdict: 'broken', message, entries: entries.filter((entry) => entry !== undefined) };
}

export function undecided(rule: string, message: string, ...entries: (Entry | undefined)[]): Violation {
  return { ...broken(rule, message, ...entries), verdict: 'undecided' };
}

/** For people: the rule, why, and the entries as they stand in the history's file. */
export function showViolation({ rule, verdict, message, entries }: Violation): string {
  return `${rule} (${verdict}): ${message}\n${entries.map((entry) => `  ${encodeEntry(entry)}`).join('')}`;
}
