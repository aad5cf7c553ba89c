import type { History } from '../history.js';
import { mayHold } from './in-turn.js';
import { type Fact, factsOf, groupBy, type Operation, okOperationsOf, operationsOf } from './operations.js';
import { grantsOf } from './sections.js';
import { broken, type Violation } from './violation.js';

type Lines = ReadonlyMap<string, readonly Fact<'line.state'>[]>;

/**
 * A steal takes from those who hold and from nobody else: whoever is told that its place was deleted while it waited
 * had had its turn at the server. And nobody who was there before the thief is there beside it. For lines of which the
 * server's states are recorded.
 */
export function steals(history: History): Violation[] {
  const lines: Lines = groupBy(factsOf(history, 'line.state'), ({ object }) => object);
  return [...onlyHolders(history, lines), ...alone(history, lines)];
}

function onlyHolders(history: History, lines: Lines): Violation[] {
  const waits = operationsOf(history, 'rwlock.read', 'rwlock.write');
  const granted = new Set(
    grantsOf(history, ['rwlock.read', 'rwlock.write']).map(({ acquire, grant }) => `${acquire.object} ${grant.fence}`),
  );
  return waits.filter(lostItsPlace).flatMap(({ process, object, from, endAt, invoke, end }) => {
    const line = lines.get(object);
    const states = line?.filter(({ at }) => at > from && at < endAt) ?? [];
    const held = states.some(({ data }) =>
      data.places.some(
        ({ fence, owner }) => owner === process && !granted.has(`${object} ${fence}`) && mayHold(data, fence),
      ),
    );
    if (line === undefined || held || hadLostItsLease(history, process, endAt)) return [];
    const message = `${object}: a place of ${process} was taken away while it waited`;
    return [broken('steals: only holders', message, invoke, end)];
  });
}

function alone(history: History, lines: Lines): Violation[] {
  return okOperationsOf(history, 'lock.steal').flatMap(({ process, object, invoke, endAt, end, output }) => {
    const state = lines.get(object)?.findLast(({ at }) => at < endAt);
    const elder = state?.data.places.find(({ fence }) => fence < output.fence);
    if (elder === undefined) return [];
    const message = `${object}: ${process} has stolen it, and fence ${elder.fence} of ${elder.owner} is there still`;
    return [broken('steals: alone', message, invoke, end, state?.note)];
  });
}

/** A fault or a pause has ended a lease of it: its places went with that, and it may not be able to ask why. */
function hadLostItsLease(history: History, process: string, before: number): boolean {
  const ends = factsOf(history, 'lease.ended').filter(({ at }) => at < before);
  const ended = new Set(ends.map(({ data }) => data.lease));
  return operationsOf(history, 'lease.grant').some((each) => each.process === process && ended.has(each.input.lease));
}

function lostItsPlace({ result, end }: Operation): boolean {
  return result === 'fail' && end !== undefined && 'error' in end && end.error.startsWith('LOST');
}
