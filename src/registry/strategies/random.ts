import { partition } from '../../core/halving.js';
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
      const wanted = draw() * (sums.at(-1) ?? 0);
      // The last one when rounding leaves none.
      const found = partition(sums, (sum) => sum <= wanted);
      return at(instances, Math.min(found, instances.length - 1));
    },
  };
}
