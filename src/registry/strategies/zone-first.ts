import type { Instance } from '../instance.js';
import type { Strategy } from '../strategy.js';

/** Those of the own zone as long as there are any; `among` chooses. */
export function zoneFirst(zone: string, among: Strategy): Strategy {
  let known: readonly Instance[] | undefined;
  let near: readonly Instance[] = [];
  return {
    choose: (candidates, choice) => {
      if (candidates.instances !== known) {
        known = candidates.instances;
        near = known.filter((each) => each.zone === zone);
      }
      const instances = near.length > 0 ? near : candidates.instances;
      return among.choose({ instances, inFlight: (each) => candidates.inFlight(each) }, choice);
    },
  };
}
