import { type Bytes, utf8Text } from '../core/bytes.js';
import type { RecipeContext } from '../line/context.js';
import { decodeHolder, type Holder } from '../line/holder.js';
import type { Place } from '../line/place.js';
import { placesOf } from '../line/sight.js';

/** One place in a lock's line, as others see it. */
export interface LockPlace extends Holder {
  readonly key: string;
  readonly fence: bigint;
  readonly leaseId: bigint;
  /** Milliseconds since it came into the line, by its own clock and this process's; undefined for foreign places. */
  readonly ageMs: number | undefined;
}

/** A lock's line at one revision. */
export interface LockState {
  readonly name: string;
  readonly holder: LockPlace | null;
  /** In the order in which they will get it. */
  readonly waiters: readonly LockPlace[];
}

export async function inspectLine(
  context: RecipeContext,
  name: string,
  prefix: Bytes,
  options: { signal?: AbortSignal | undefined },
): Promise<LockState> {
  const nowMs = context.runtime.clocks().wallMs;
  const [holder, ...waiters] = (await placesOf(context.store, prefix, options)).map((place) => lockPlace(place, nowMs));
  return { name, holder: holder ?? null, waiters };
}

function lockPlace(place: Place, nowMs: number): LockPlace {
  const holder = decodeHolder(place.value);
  return {
    ...holder,
    key: utf8Text(place.key),
    fence: place.createRevision,
    leaseId: place.lease,
    ageMs: holder.sinceMs === undefined ? undefined : Math.max(0, nowMs - holder.sinceMs),
  };
}
