import type { History } from '../history.js';
import type { LineState } from '../vocabulary.js';
import { type Fact, factsOf, groupBy, okOperationsOf } from './operations.js';
import { grantsOf } from './sections.js';
import { broken, type Violation } from './violation.js';

type Lines = ReadonlyMap<string, readonly Fact<'line.state'>[]>;

/**
 * Permits are given by the number that there is: whoever is told that it has some fitted in beside everyone before it,
 * at one revision at which it stood there itself. And a change that was confirmed was made. For semaphores of which the
 * server's lines are recorded.
 */
export function permitsGiven(history: History): Violation[] {
  const lines: Lines = groupBy(factsOf(history, 'line.state'), ({ object }) => object);
  return [...given(history, lines), ...changed(history, lines)];
}

function given(history: History, lines: Lines): Violation[] {
  return grantsOf(history, ['semaphore.acquire']).flatMap(({ acquire, grant }) => {
    const { process, object, endAt, invoke, end } = acquire;
    const states = lines.get(object)?.filter(({ at }) => at < endAt);
    if (states === undefined || states.some(({ data }) => fits(data, grant.fence))) return [];
    const last = states.findLast(({ data }) => data.places.some(({ fence }) => fence === grant.fence));
    const message = `${object}: ${process} was given permits with fence ${grant.fence}, which never fitted in`;
    return [broken('semaphore: given', message, invoke, last?.note, end)];
  });
}

function fits({ places, permits = 0 }: LineState, own: bigint): boolean {
  const at = places.findIndex(({ fence }) => fence === own);
  const sum = places.slice(0, at + 1).reduce((total, each) => total + (each.permits ?? 1), 0);
  return at >= 0 && sum <= permits;
}

/** One of which nothing is seen may have come right before another's, and then the number was there for no time. */
function changed(history: History, lines: Lines): Violation[] {
  return okOperationsOf(history, 'semaphore.setPermits').flatMap(({ process, object, input, from, endAt, ...call }) => {
    const states = lines.get(object) ?? [];
    const before = states.findLast(({ at }) => at < from)?.data;
    const during = states.filter(({ at }) => at > from && at < endAt);
    if (during.some(({ data }) => data.permitsSince !== before?.permitsSince)) return [];
    const message = `${object}: ${process} was told that there are ${input.permits} permits, and nobody had set any`;
    return [broken('semaphore: changed', message, call.invoke, call.end)];
  });
}
