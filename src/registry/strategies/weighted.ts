import type { Instance } from '../instance.js';
import { best, type Strategy } from '../strategy.js';

/** In turn by weight, evenly mixed: the smooth weighted round robin of nginx (2012). */
export function weighted(): Strategy {
  let known: readonly Instance[] | undefined;
  let credit = new Map<string, number>();
  return {
    choose: ({ instances }) => {
      if (instances !== known) {
        credit = new Map(instances.map(({ id }) => [id, credit.get(id) ?? 0]));
        known = instances;
      }
      let total = 0;
      for (const { id, weight } of instances) {
        total += weight;
        credit.set(id, (credit.get(id) ?? 0) + weight);
      }
      const chosen = best(instances, ({ id }) => credit.get(id) ?? 0);
      credit.set(chosen.id, (credit.get(chosen.id) ?? 0) - total);
      return chosen;
    },
  };
}
