/** The middle value; of an even number of them the mean of the two in the middle. Throws for none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which the part `q` of all lies, between two neighbours in proportion. Throws for none. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new Error('no values');
  const sorted = [...values].sort((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const below = sorted[Math.floor(at)] as number;
  const above = sorted[Math.ceil(at)] as number;
  return below + (above - below) * (at - Math.floor(at));
}

/** From the first to the third quartile. */
export interface Spread {
  readonly low: number;
  readonly middle: number;
  readonly high: number;
}

export function spreadOf(values: readonly number[]): Spread {
  return { low: quantile(values, 0.25), middle: median(values), high: quantile(values, 0.75) };
}

/** Whether more of the measured is better, or less. */
export type Better = 'more' | 'less';

/**
 * How many times better `ours` is than `theirs`, round by round: what loads the machine in one round loads both.
 * Above 1 is better, whichever way the values run.
 */
export function pairedRatios(ours: readonly number[], theirs: readonly number[], better: Better): number[] {
  if (ours.length !== theirs.length) throw new Error(`${ours.length} values against ${theirs.length}`);
  return ours.map((own, i) => (better === 'more' ? own / (theirs[i] as number) : (theirs[i] as number) / own));
}
