import { factsOf, groupBy, operationsOf } from '../../../src/sim/checkers/operations.js';
import { grantsOf, holdOps } from '../../../src/sim/checkers/sections.js';
import type { History } from '../../../src/sim/history.js';
import type { Witnessed } from '../witness.js';

/**
 * For every hold that was lost: how long after the witness saw its key go the holder knew, in milliseconds; below 0 is
 * before. Holders that stood still meanwhile are left out: they know when they go on, and did nothing before.
 */
export function detections(history: History, events: readonly Witnessed[]): number[] {
  const gone = new Map(events.filter(({ deleted }) => deleted).map(({ key, atMs }) => [key, atMs]));
  const holdKey = (process: string, object: string, fence: bigint) => `${process}\n${object}\n${fence}`;
  const facts = [...factsOf(history, 'lost'), ...factsOf(history, 'held').filter(({ data }) => !data.held)];
  const losses = groupBy(facts, ({ process, object, data }) => holdKey(process, object, data.fence));
  const releases = groupBy(operationsOf(history, 'release'), ({ process, object, input }) =>
    holdKey(process, object, input.fence),
  );
  const pauses = groupBy(factsOf(history, 'pause'), ({ process }) => process);
  return grantsOf(history, holdOps).flatMap(({ acquire: { process, object, end }, grant: { fence, key } }) => {
    const hold = holdKey(process, object, fence);
    const knewAtMs = Math.min(...(losses.get(hold) ?? []).map(({ note }) => note.atMs));
    const goneAtMs = gone.get(key ?? '');
    const letGoAtMs = releases.get(hold)?.[0]?.invoke.atMs ?? Number.POSITIVE_INFINITY;
    if (goneAtMs === undefined || !Number.isFinite(knewAtMs) || letGoAtMs <= Math.min(goneAtMs, knewAtMs)) return [];
    const stood = (pauses.get(process) ?? []).some(({ note }) => note.atMs > (end?.atMs ?? 0) && note.atMs < knewAtMs);
    return stood ? [] : [knewAtMs - goneAtMs];
  });
}
