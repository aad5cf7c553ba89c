import type { History } from '../history.js';
import { type Fact, factsOf, groupBy, type OkOperation, okOperationsOf, operationsOf } from './operations.js';
import { broken, type Violation } from './violation.js';

type Reading = Fact<'held'>;
type Held = { process: string; object: string; data: { fence: bigint; lease: bigint } };

/**
 * `held` is never read as true once the lease's time since the last acknowledged heartbeat was sent is over, nor when
 * the server has let the lease expire; once false it stays false, and time that remains means held.
 */
export function heldInTime(history: History): Violation[] {
  const readings = factsOf(history, 'held');
  const believed = readings.filter(({ data }) => data.held);
  return [
    ...pastDeadline(history, believed),
    ...afterExpiry(history, believed),
    ...onceFalse(history, readings),
    ...readings.filter(({ data }) => data.held !== data.remainingMs > 0).map(disagreeing),
  ];
}

function pastDeadline(history: History, believed: readonly Reading[]): Violation[] {
  const beats = okOperationsOf(history, 'lease.grant', 'lease.keepAlive').sort((a, b) => a.endAt - b.endAt);
  const byLease = groupBy(beats, ({ process, input }) => `${process}\n${input.lease}`);
  return believed.flatMap((reading) => {
    const known = (byLease.get(`${reading.process}\n${reading.data.lease}`) ?? []).filter(
      ({ endAt }) => endAt < reading.at,
    );
    const last = known.reduce<(typeof known)[number] | undefined>(
      (a, b) => (a === undefined || deadlineOf(b) >= deadlineOf(a) ? b : a),
      undefined,
    );
    if (last === undefined) return [];
    const lateMs = reading.note.atMs - deadlineOf(last);
    if (lateMs < 0) return [];
    const message = `${who(reading)} read held = true ${lateMs} ms past its deadline`;
    return [broken('held-in-time: deadline', message, last.invoke, last.end, reading.note)];
  });
}

/** A fault that takes a lease early, or a break, cannot be known at once: only what expired by itself counts. */
function afterExpiry(history: History, believed: readonly Reading[]): Violation[] {
  const ended = factsOf(history, 'lease.ended');
  const byLease = groupBy(ended, ({ data }) => data.lease);
  const grants = groupBy(factsOf(history, 'lease.granted'), ({ data }) => data.lease);
  const steals = groupBy(operationsOf(history, 'lock.steal'), ({ object }) => object);
  const breaks = groupBy(operationsOf(history, 'lock.break'), ({ object, input }) => `${object}\n${input.fence}`);
  return believed.flatMap((reading) => {
    // A grant that is sent again may make the lease anew after it has expired.
    const granted = grants.get(reading.data.lease)?.findLast(({ at }) => at < reading.at)?.at ?? -1;
    const ends = (byLease.get(reading.data.lease) ?? []).filter(({ at }) => at > granted);
    const early = ends.some(({ data, at }) => data.cause !== 'expired' && at < reading.at);
    const expiry = ends.find(({ data, at }) => data.cause === 'expired' && at < reading.at);
    const taking = [
      ...(breaks.get(`${reading.object}\n${reading.data.fence}`) ?? []),
      ...(steals.get(reading.object) ?? []),
    ];
    const byOthers = taking.some(({ from }) => from < reading.at);
    if (early || (expiry === undefined && (reading.data.serverHas !== false || byOthers))) return [];
    const message = `${who(reading)} read held = true when the server had let the lease expire`;
    return [broken('held-in-time: expired', message, expiry?.note, reading.note)];
  });
}

function onceFalse(history: History, readings: readonly Reading[]): Violation[] {
  const losses = factsOf(history, 'lost');
  const over = groupBy(
    [...readings.filter(({ data }) => !data.held), ...losses].sort((a, b) => a.at - b.at),
    holdOf,
  );
  return readings.flatMap((reading) => {
    const first = reading.data.held ? over.get(holdOf(reading))?.[0] : undefined;
    if (first === undefined || first.at > reading.at) return [];
    return [broken('held-in-time: once false', `${who(reading)} read held = true again`, first.note, reading.note)];
  });
}

function disagreeing(reading: Reading): Violation {
  const { held, remainingMs } = reading.data;
  const message = `${who(reading)} read held = ${held} with ${remainingMs} ms remaining`;
  return broken('held-in-time: remaining', message, reading.note);
}

function deadlineOf({ invoke, output }: OkOperation<'lease.grant' | 'lease.keepAlive'>): number {
  return output.ttlMs > 0 ? invoke.atMs + output.ttlMs : Number.NEGATIVE_INFINITY;
}

/** A leadership that was resumed has its fence again, and another lease. */
function holdOf({ process, object, data }: Held): string {
  return `${process}\n${object}\n${data.fence}\n${data.lease}`;
}

function who({ process, object, data }: Reading): string {
  return `${process} (${object}, fence ${data.fence})`;
}
