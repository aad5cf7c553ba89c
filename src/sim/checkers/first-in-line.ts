import type { History } from '../history.js';
import { factsOf, groupBy } from './operations.js';
import { grantsOf } from './sections.js';
import { broken, type Violation } from './violation.js';

/**
 * Whoever is told that it holds was first in line at the server, at some moment before it was told. A place that was
 * gone before its turn came is a phantom's (etcd #11456: the wait ended, and nobody looked at the own key). For lines
 * of which the server's states are recorded: `{ term }` of the first, or null.
 */
export function firstInLine(history: History): Violation[] {
  const states = groupBy(factsOf(history, 'state'), ({ object }) => object);
  return grantsOf(history, ['lock.acquire', 'election.campaign']).flatMap(({ acquire, grant }) => {
    const line = states.get(acquire.object);
    if (line === undefined) return [];
    const first = line.some(({ data, at }) => at < acquire.endAt && termOf(data.value) === grant.fence);
    if (first) return [];
    const { process, object, invoke, end } = acquire;
    const message = `${object}: ${process} was given fence ${grant.fence}, which was never the first in line`;
    return [broken('first-in-line', message, invoke, end)];
  });
}

function termOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'term' in value ? value.term : undefined;
}
