import type { History } from '../history.js';
import { type FencedLockOp, fencedLockModel } from './models/fenced-lock.js';
import { allSections, grantsOf } from './sections.js';
import type { Violation } from './violation.js';
import { type Timed, type WglOptions, wgl } from './wgl.js';

/**
 * Locks as fenced locks that are linearizable: a second opinion on `mutual-exclusion` and `fence-growth`, by a search
 * that knows nothing of theirs. Acquires that gave nothing are left out: they can only have made others wait.
 */
export function linearizableLocks(history: History, options: WglOptions = {}): Violation[] {
  return wgl([...acquires(history), ...ends(history)], fencedLockModel, options);
}

function acquires(history: History): Timed<FencedLockOp>[] {
  return grantsOf(history, ['lock.acquire']).map(({ acquire, grant }) => ({
    part: acquire.object,
    op: { op: 'acquire', fence: grant.fence },
    from: acquire.from,
    to: acquire.to,
    entries: [acquire.invoke, ...(acquire.end === undefined ? [] : [acquire.end])],
  }));
}

/** A place is free at some time after its process took itself for the holder no more. */
function ends(history: History): Timed<FencedLockOp>[] {
  return allSections(history, ['lock.acquire'])
    .filter(({ to }) => to !== Number.POSITIVE_INFINITY)
    .map(({ acquire, grant, to, endedBy }) => ({
      part: acquire.object,
      op: { op: 'end', fence: grant.fence },
      from: to,
      to: Number.POSITIVE_INFINITY,
      entries: [endedBy ?? acquire.invoke],
    }));
}
