import { at, type Strategy } from '../strategy.js';

/** Any of them, in proportion to their weights. */
export function random(): Strategy {
  return {
    choose: ({ instances }, { random: draw }) => {
      let left = draw() * instances.reduce((sum, { weight }) => sum + weight, 0);
      for (const each of instances) {
        left -= each.weight;
        if (left < 0) return each;
      }
      return at(instances, instances.length - 1);
    },
  };
}
