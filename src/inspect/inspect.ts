import type { RecipeContext } from '../line/context.js';
import { linePrefix } from '../line/context.js';
import { mutexKind } from '../line/line-kind.js';
import { placesOf } from '../line/sight.js';
import { standingOf } from '../line/standing.js';
import type { Store } from '../store/store.js';
import { type LockPlace, lockPlace } from './line-state.js';

/** What the store tells of the lease that a place hangs on. */
export interface LeaseLife {
  /** The time to live that it was granted, in milliseconds. */
  readonly grantedMs: number;
  /** How long it lives if nobody keeps it alive, in milliseconds; the store counts whole seconds and rounds down. */
  readonly remainingMs: number;
}

/** A place with its lease's life, if that was asked for and the lease was still there. */
export interface InspectedPlace extends LockPlace {
  readonly lease?: LeaseLife | undefined;
}

/** A lock's line at one revision. */
export interface LockState {
  readonly name: string;
  /** The first of those that hold it. */
  readonly holder: InspectedPlace | null;
  /** All that hold it: one who writes, or those who read. */
  readonly holders: readonly InspectedPlace[];
  /** In the order in which they will get it. */
  readonly waiters: readonly InspectedPlace[];
}

/** Questions about leases that are under way at a time. */
const questionsMax = 16;

/**
 * Who holds and who waits, at one revision; then the lease of the holder, and of each place whose value says nothing of
 * its owner (Go, etcdctl): the store is asked how long these were given and have left.
 * @throws ConclaveError `INVALID_NAME`; `options.signal.reason` itself on abort.
 */
export async function inspectLock(
  context: RecipeContext,
  name: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<LockState> {
  const nowMs = context.runtime.wallMs();
  const all = await placesOf(context.store, linePrefix(context, mutexKind.root, name), options);
  const standing = standingOf(mutexKind, all);
  const [holders, waiters] = [standing.holders, standing.waiters].map((places) =>
    places.map((each) => lockPlace(each, nowMs)),
  ) as [LockPlace[], LockPlace[]];
  const asked = [...holders, ...waiters.filter(({ sinceMs }) => sinceMs === undefined)].map(({ leaseId }) => leaseId);
  const lives = await leaseLives(context.store, new Set(asked), options);
  const inspected = (place: LockPlace): InspectedPlace => ({ ...place, lease: lives.get(place.leaseId) });
  const holding = holders.map(inspected);
  return { name, holder: holding[0] ?? null, holders: holding, waiters: waiters.map(inspected) };
}

async function leaseLives(
  store: Store,
  leaseIds: Iterable<bigint>,
  options: { signal?: AbortSignal | undefined },
): Promise<Map<bigint, LeaseLife>> {
  const lives = new Map<bigint, LeaseLife>();
  // Shared: each worker takes the next one.
  const left = leaseIds[Symbol.iterator]();
  const worker = async () => {
    for (let next = left.next(); next.done !== true; next = left.next()) {
      const { ttl, grantedTtl } = await store.leaseTimeToLive({ id: next.value }, options);
      if (ttl < 0n) continue;
      lives.set(next.value, { grantedMs: Number(grantedTtl) * 1000, remainingMs: Number(ttl) * 1000 });
    }
  };
  await Promise.all(Array.from({ length: questionsMax }, worker));
  return lives;
}
