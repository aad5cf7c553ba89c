import { utf8Text } from '../core/bytes.js';
import { decodeHolder, type Holder } from '../line/holder.js';
import type { LineKind } from '../line/line-kind.js';
import type { Place } from '../line/place.js';

/** One place in a lock's line, as others see it. */
export interface LockPlace extends Holder {
  readonly key: string;
  readonly fence: bigint;
  readonly leaseId: bigint;
  /** Milliseconds since it came into the line, by its own clock and this process's; undefined for foreign places. */
  readonly ageMs: number | undefined;
}

/** Places in line order, as those that hold and those that wait. */
export interface Standing<P> {
  readonly holders: readonly P[];
  readonly waiters: readonly P[];
}

/** Whoever waits makes everyone behind it wait as well: the line is fair. */
export function standingOf(kind: LineKind, places: readonly Place[]): Standing<Place> {
  const first = places.findIndex((place, i) => !kind.mayHold(places.slice(0, i), place));
  const holding = first < 0 ? places.length : first;
  return { holders: places.slice(0, holding), waiters: places.slice(holding) };
}

export function lockPlace(place: Place, nowMs: number): LockPlace {
  const holder = decodeHolder(place.value);
  return {
    ...holder,
    key: utf8Text(place.key),
    fence: place.createRevision,
    leaseId: place.lease,
    ageMs: holder.sinceMs === undefined ? undefined : Math.max(0, nowMs - holder.sinceMs),
  };
}
