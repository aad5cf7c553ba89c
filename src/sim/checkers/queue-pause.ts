import type { History } from '../history.js';
import { type Fact, factsOf, groupBy, isOk, type Operation, operationsOf } from './operations.js';
import { broken, type Violation } from './violation.js';

type Switch = Operation<'queue.switch'>;

const rule = 'queue: paused as said';

/**
 * A queue is paused and resumed by who says so, between his call and its answer; by a call that was given up later than
 * that, too, but not once a call that came after that was answered. What was answered is how it is, unless somebody
 * else has spoken meanwhile.
 */
export function pausedAsSaid(history: History): Violation[] {
  const facts = groupBy(factsOf(history, 'queue.paused'), ({ object }) => object);
  const switches = groupBy(
    operationsOf(history, 'queue.switch').filter(({ result }) => result !== 'fail'),
    ({ object }) => object,
  );
  return [...new Set([...facts.keys(), ...switches.keys()])].flatMap((object) => {
    const [changes, told] = [facts.get(object) ?? [], switches.get(object) ?? []];
    return [...saidByNobody(changes, told), ...notAsSaid(changes, told)];
  });
}

function saidByNobody(changes: readonly Fact<'queue.paused'>[], told: readonly Switch[]): Violation[] {
  return changes.flatMap(({ object, at, data, note }) => {
    const isSaid = told.some((each) => each.input.paused === data.paused && each.from < at && at < overAt(each, told));
    if (isSaid) return [];
    return [broken(rule, `${object}: ${data.paused ? 'paused' : 'resumed'} when nobody said so`, note)];
  });
}

function notAsSaid(changes: readonly Fact<'queue.paused'>[], told: readonly Switch[]): Violation[] {
  return told.filter(isOk).flatMap((each) => {
    const { object, from, endAt, input, end } = each;
    const paused = changes.findLast(({ at }) => at < endAt)?.data.paused ?? false;
    const others = told.filter((other) => other !== each && other.from < endAt && overAt(other, told) > from);
    if (paused === input.paused || others.length > 0) return [];
    return [broken(rule, `${object}: ${paused ? 'paused' : 'not paused'} after it was told otherwise`, end)];
  });
}

/** Where a call does nothing any more. */
function overAt({ result, endAt }: Switch, told: readonly Switch[]): number {
  if (result === 'ok') return endAt;
  return Math.min(...told.filter(isOk).flatMap((each) => (each.from > endAt ? [each.endAt] : [])));
}
