import { utf8Text } from '../core/bytes.js';
import { decodeHolder, type Holder } from '../line/holder.js';
import { reads } from '../line/line-kind.js';
import type { Place } from '../line/place.js';

/** One place in a lock's line, as others see it. */
export interface LockPlace extends Holder {
  readonly key: string;
  readonly fence: bigint;
  readonly leaseId: bigint;
  /** `read`: beside others who only read. */
  readonly mode: 'read' | 'write';
  /** Milliseconds since it came into the line, by its own clock and this process's; undefined for foreign places. */
  readonly ageMs: number | undefined;
}

export function lockPlace(place: Place, nowMs: number): LockPlace {
  const holder = decodeHolder(place.value);
  return {
    ...holder,
    key: utf8Text(place.key),
    fence: place.createRevision,
    leaseId: place.lease,
    mode: reads(place) ? 'read' : 'write',
    ageMs: holder.sinceMs === undefined ? undefined : Math.max(0, nowMs - holder.sinceMs),
  };
}
