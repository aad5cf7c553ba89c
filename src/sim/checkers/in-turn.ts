import type { History } from '../history.js';
import type { LineState } from '../vocabulary.js';
import { factsOf, groupBy } from './operations.js';
import { grantsOf } from './sections.js';
import { broken, type Violation } from './violation.js';

/**
 * Whoever is told that it reads or writes stood at the server where it may, at some moment before it was told: a writer
 * before all others, a reader behind readers only. For lines of which the server's states are recorded.
 */
export function inTurn(history: History): Violation[] {
  const states = groupBy(factsOf(history, 'line.state'), ({ object }) => object);
  return grantsOf(history, ['rwlock.read', 'rwlock.write']).flatMap(({ acquire, grant }) => {
    const { process, object, op, endAt, invoke, end } = acquire;
    const line = states.get(object);
    if (line === undefined || line.some(({ at, data }) => at < endAt && mayHold(data, grant.fence))) return [];
    const message = `${object}: ${process} was told that it has fence ${grant.fence} (${op}), and never had its turn`;
    return [broken('in-turn', message, invoke, end)];
  });
}

/** Whether the place of this fence is one of those that hold. */
export function mayHold({ places }: LineState, own: bigint): boolean {
  const at = places.findIndex(({ fence }) => fence === own);
  return at === 0 || (at > 0 && places.slice(0, at + 1).every(({ reads }) => reads));
}
