import { rendezvousScore } from '../../core/hash.js';
import { best, type Strategy } from '../strategy.js';

/**
 * The same instance for the same key, from every caller, by weight; when one goes only its own keys move. Without a
 * key: any.
 */
export function rendezvous(): Strategy {
  return {
    choose: ({ instances }, { key, random }) => {
      const wanted = key ?? String(random());
      return best(instances, ({ id, weight }) => rendezvousScore(wanted, id, weight));
    },
  };
}
