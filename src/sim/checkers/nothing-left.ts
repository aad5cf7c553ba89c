import type { History } from '../history.js';
import { factsOf } from './operations.js';
import { broken, undecided, type Violation } from './violation.js';

/** Once everything is closed there is nothing left on the store: no key, lease or watch of ours, and no timer here. */
export function nothingLeft(history: History): Violation[] {
  const residues = factsOf(history, 'residue');
  if (residues.length === 0) return [undecided('nothing-left', 'what was left was not recorded')];
  return residues.flatMap(({ data, note }) => {
    const left = [
      ...(data.keys.length > 0 ? [`keys ${data.keys.map((key) => JSON.stringify(key)).join(', ')}`] : []),
      ...(data.leases.length > 0 ? [`leases ${data.leases.join(', ')}`] : []),
      ...((data.watches ?? 0) > 0 ? [`${data.watches} watches`] : []),
      ...((data.timers ?? 0) > 0 ? [`${data.timers} timers`] : []),
    ];
    return left.map((what) => broken('nothing-left', `left after close: ${what}`, note));
  });
}
