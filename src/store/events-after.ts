import type { Event } from './messages.js';

/**
 * Those of `events` that are newer than `revision`. They are in the order of their revisions, so that all are where the
 * first is, as nearly always: then it is the same array.
 */
export function eventsAfter(events: readonly Event[], revision: bigint): readonly Event[] {
  const [first] = events;
  if (first === undefined || first.kv.modRevision > revision) return events;
  return events.filter(({ kv }) => kv.modRevision > revision);
}
