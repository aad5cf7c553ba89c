import type { History } from '../history.js';
import { allOperations } from './operations.js';
import { crashesOf, endOf } from './phases.js';
import { broken, type Violation } from './violation.js';

/** A heartbeat comes by itself, also just before everyone's time is over, and may wait for a TTL. */
const heartbeatMs = 10_000;

/** Every call has ended, one way or the other, when everyone had their time to finish; only a crash excuses. */
export function noHangingPromise(history: History): Violation[] {
  const end = endOf(history);
  const endMs = history[end]?.atMs ?? Number.POSITIVE_INFINITY;
  const crashes = crashesOf(history);
  return allOperations(history).flatMap(({ process, object, op, from, endAt, invoke, end: ended }) => {
    if (from > end || endAt < end || crashes.has(process)) return [];
    if (op === 'lease.keepAlive' && ended !== undefined && endMs - invoke.atMs < heartbeatMs) return [];
    const how = ended === undefined ? 'has not ended' : 'ended only after the end of the healed phase';
    return [broken('no-hanging-promise', `${process}: ${op} on ${object} ${how}`, invoke, ended)];
  });
}
