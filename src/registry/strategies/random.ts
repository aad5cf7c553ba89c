import type { Instance } from '../instance.js';
import { at, type Strategy } from '../strategy.js';

/** Any of them, in proportion to their weights. */
export function random(): Strategy {
  let known: readonly Instance[] | undefined;
  /** Of the weights up to and with each. */
  let sums: readonly number[] = [];
  return {
    choose: ({ instances }, { random: draw }) => {
      if (instances !== known) {
        let sum = 0;
        sums = instances.map(({ weight }) => (sum += weight));
        known = instances;
      }
      return at(instances, firstAbove(sums, draw() * (sums.at(-1) ?? 0)));
    },
  };
}

/** By halving; the last one when rounding leaves none. */
function firstAbove(sums: readonly number[], wanted: number): number {
  let [low, high] = [0, sums.length - 1];
  // Bounded: each turn halves what is left.
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] as number) > wanted) high = middle;
    else low = middle + 1;
  }
  return low;
}
