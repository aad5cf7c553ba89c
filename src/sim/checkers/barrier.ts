import type { History } from '../history.js';
import { factsOf, groupBy, isOk, type OkOperation, type Operation, operationsOf } from './operations.js';
import { crashesOf } from './phases.js';
import { broken, type Violation } from './violation.js';

/**
 * Nobody passes a barrier that is up, a double barrier before all are there (or all are done), a latch before its
 * count.
 */
export function barrier(history: History): Violation[] {
  return [...plainBarriers(history), ...doubleBarriers(history), ...latches(history)];
}

function plainBarriers(history: History): Violation[] {
  const raises = groupBy(operationsOf(history, 'barrier.raise').filter(isOk), ({ object }) => object);
  const lifts = groupBy(operationsOf(history, 'barrier.lift'), ({ object }) => object);
  const passed = operationsOf(history, 'barrier.await').filter(isOk);
  return passed.flatMap((wait) => {
    const raised = raises
      .get(wait.object)
      ?.filter(({ endAt }) => endAt < wait.from)
      .at(-1);
    if (raised === undefined) return [];
    // A lift that was under way while it was raised, or began since, may have let it pass.
    const lift = lifts.get(wait.object)?.find(({ from, to }) => from < wait.endAt && to > raised.from);
    if (lift !== undefined) return [];
    const message = `${wait.object}: ${wait.process} passed while it was up`;
    return [broken('barrier: closed', message, raised.end, wait.invoke, wait.end)];
  });
}

function doubleBarriers(history: History): Violation[] {
  const enters = groupBy(operationsOf(history, 'doubleBarrier.enter'), ({ object }) => object);
  const leaves = groupBy(operationsOf(history, 'doubleBarrier.leave'), ({ object }) => object);
  return [...enters].flatMap(([object, entering]) => {
    const leaving = leaves.get(object) ?? [];
    const gone = crashesOf(history);
    for (const { process, at } of factsOf(history, 'lost').filter((each) => each.object === object)) {
      gone.set(process, Math.min(at, gone.get(process) ?? at));
    }
    return [
      ...entering.filter(isOk).flatMap((enter) => allThere(enter, entering)),
      ...leaving.filter(isOk).flatMap((leave) => allDone(leave, entering.filter(isOk), leaving, gone)),
    ];
  });
}

function allThere(enter: OkOperation<'doubleBarrier.enter'>, all: readonly Operation[]): Violation[] {
  // All who meet wait at the same moment: who was done before this one came belongs to another round.
  const there = all.filter(({ from, to, result }) => from < enter.endAt && to > enter.from && result !== 'fail');
  const { parties } = enter.input;
  if (there.length >= parties) return [];
  const message = `${enter.object}: ${enter.process} entered with ${there.length} of ${parties} there`;
  return [broken('barrier: all there', message, ...there.map(({ invoke }) => invoke), enter.end)];
}

function allDone(
  leave: OkOperation<'doubleBarrier.leave'>,
  entered: readonly Operation[],
  leaving: readonly Operation[],
  gone: ReadonlyMap<string, number>,
): Violation[] {
  const going = new Set(leaving.filter(({ from }) => from < leave.endAt).map(({ process }) => process));
  const inside = entered.find(
    ({ process, endAt }) =>
      endAt < leave.from && !going.has(process) && (gone.get(process) ?? Number.POSITIVE_INFINITY) > leave.endAt,
  );
  if (inside === undefined) return [];
  const message = `${leave.object}: ${leave.process} left while ${inside.process} was not done`;
  return [broken('barrier: all done', message, inside.end, leave.invoke, leave.end)];
}

function latches(history: History): Violation[] {
  const counts = groupBy(operationsOf(history, 'latch.countDown'), ({ object }) => object);
  const passed = operationsOf(history, 'latch.await').filter(isOk);
  return passed.flatMap((wait) => {
    const downs = (counts.get(wait.object) ?? []).filter(({ from, result }) => from < wait.endAt && result !== 'fail');
    const { count } = wait.input;
    if (downs.length >= count) return [];
    const message = `${wait.object}: ${wait.process} passed after ${downs.length} of ${count} counts`;
    return [broken('barrier: counted down', message, ...downs.map(({ invoke }) => invoke), wait.end)];
  });
}
