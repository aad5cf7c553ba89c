import type { Instance } from '../instance.js';
import { at, type Candidates, type Strategy } from '../strategy.js';

/**
 * The less busy of two drawn at random, by calls under way and weight (Mitzenmacher 2001): nearly as even as asking
 * all, without every caller running to the same one.
 */
export function powerOfTwo(): Strategy {
  return {
    choose: (candidates, { random }) => {
      const { instances } = candidates;
      const first = Math.floor(random() * instances.length);
      if (instances.length === 1) return at(instances, first);
      const second = (first + 1 + Math.floor(random() * (instances.length - 1))) % instances.length;
      const [a, b] = [at(instances, first), at(instances, second)];
      return load(candidates, b) < load(candidates, a) ? b : a;
    },
  };
}

function load(candidates: Candidates, instance: Instance): number {
  return (candidates.inFlight(instance) + 1) / instance.weight;
}
