import type { History } from '../history.js';
import { allOperations } from './operations.js';
import { crashesOf, endOf } from './phases.js';
import { broken, type Violation } from './violation.js';

/** Every call has ended, one way or the other, when everyone had their time to finish; only a crash excuses. */
export function noHangingPromise(history: History): Violation[] {
  const end = endOf(history);
  const crashes = crashesOf(history);
  return allOperations(history).flatMap(({ process, object, op, from, endAt, invoke, end: ended }) => {
    if (from > end || endAt < end || crashes.has(process)) return [];
    const how = ended === undefined ? 'has not ended' : 'ended only after the end of the healed phase';
    return [broken('no-hanging-promise', `${process}: ${op} on ${object} ${how}`, invoke, ended)];
  });
}
