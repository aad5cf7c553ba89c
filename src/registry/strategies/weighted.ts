import type { Instance } from '../instance.js';
import { at, type Strategy } from '../strategy.js';

/** In turn by weight, evenly mixed: the smooth weighted round robin of nginx (2012). */
export function weighted(): Strategy {
  let known: readonly Instance[] = [];
  /** Of each, in the same order. */
  let credits: number[] = [];
  return {
    choose: ({ instances }) => {
      if (instances !== known) {
        const before = new Map(known.map(({ id }, i) => [id, credits[i] as number]));
        credits = instances.map(({ id }) => before.get(id) ?? 0);
        known = instances;
      }
      let [total, chosen] = [0, 0];
      for (let i = 0; i < instances.length; i++) {
        const { weight } = at(instances, i);
        total += weight;
        credits[i] = (credits[i] as number) + weight;
        if ((credits[i] as number) > (credits[chosen] as number)) chosen = i;
      }
      credits[chosen] = (credits[chosen] as number) - total;
      return at(instances, chosen);
    },
  };
}
