import { type Better, median, pairedRatios, type Spread, spreadOf } from './statistics.js';

/** One subject of a row against another. */
export interface Comparison {
  readonly of: string;
  readonly to: string;
  /** Compares this detail of the samples, of which less is better, instead of the row's own value. */
  readonly detail?: string | undefined;
  /** The ratio that is wanted at least; absent: for information. */
  readonly aim?: number | undefined;
}

/** A value that must not be exceeded: of the row itself, or of one of the details that its samples have. */
export interface Bound {
  readonly of: string;
  readonly detail?: string | undefined;
  readonly atMost: number;
}

export type Outcome = 'met' | 'not met' | 'no aim';

export interface Compared extends Comparison {
  /** How many times better `of` is than `to`. */
  readonly ratio: Spread;
  readonly outcome: Outcome;
}

export interface Bounded extends Bound {
  readonly value: number;
  readonly outcome: Outcome;
}

/** `of` and `to`: what was measured of the two, round by round. */
export function compare(
  comparison: Comparison,
  of: readonly number[],
  to: readonly number[],
  better: Better,
): Compared {
  const ratio = spreadOf(pairedRatios(of, to, better));
  const { aim } = comparison;
  return { ...comparison, ratio, outcome: aim === undefined ? 'no aim' : ratio.middle >= aim ? 'met' : 'not met' };
}

export function bounded(bound: Bound, values: readonly number[]): Bounded {
  const value = median(values);
  return { ...bound, value, outcome: value <= bound.atMost ? 'met' : 'not met' };
}

/** A median this far below 1, with hardly a round that says otherwise, is no noise. */
const slowerBelow = 0.85;

/** Whether the rounds show that `ours` is slower than `theirs`; false where they do not agree. */
export function isSlower(ours: readonly number[], theirs: readonly number[], better: Better): boolean {
  const ratios = pairedRatios(ours, theirs, better);
  const disagree = ratios.filter((ratio) => ratio >= 1).length;
  return median(ratios) < slowerBelow && disagree <= ratios.length / 8;
}
