import type { LineKind } from './line-kind.js';
import type { Place } from './place.js';

/** Places in line order, as those that hold and those that wait. */
export interface LineStanding<P> {
  readonly holders: readonly P[];
  readonly waiters: readonly P[];
}

/** Whoever waits makes everyone behind it wait as well: the line is fair. */
export function standingOf(kind: LineKind, places: readonly Place[]): LineStanding<Place> {
  const first = places.findIndex((place, i) => !kind.mayHold(places.slice(0, i), place));
  const holding = first < 0 ? places.length : first;
  return { holders: places.slice(0, holding), waiters: places.slice(holding) };
}
