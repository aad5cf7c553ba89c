import type { Strategy } from '../strategy.js';
import { powerOfTwo } from './power-of-two.js';

/** Stays with one instance as long as that can be called; then `next` chooses another. */
export function sticky(next: Strategy = powerOfTwo()): Strategy {
  let last: string | undefined;
  return {
    choose: (candidates, choice) => {
      const there = candidates.instances.find(({ id }) => id === last);
      const chosen = there ?? next.choose(candidates, choice);
      last = chosen.id;
      return chosen;
    },
  };
}
