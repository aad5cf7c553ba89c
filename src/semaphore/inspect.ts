import { type Bytes, utf8Text } from '../core/bytes.js';
import type { RecipeContext } from '../line/context.js';
import { decodeHolder, type Holder } from '../line/holder.js';
import { comparePlaces, isPlace, type Place } from '../line/place.js';
import { permitsIn, semaphoreKeys, weightOf } from '../line/weighted.js';
import { get, rangeAt } from '../store/ops.js';

/** One place in a semaphore's line, as others see it. */
export interface SemaphorePlace extends Holder {
  readonly key: string;
  readonly fence: bigint;
  readonly leaseId: bigint;
  /** How many permits it has or wants. */
  readonly permits: number;
  /** Milliseconds since it came into the line, by its own clock and this process's. */
  readonly ageMs: number | undefined;
}

/** A semaphore at one revision. */
export interface SemaphoreState {
  readonly name: string;
  /** How many there are now. */
  readonly permits: number;
  /** How many nobody has; 0 if more are out than there are now. */
  readonly available: number;
  /** Those that fit into the permits, in the order in which they came. */
  readonly holders: readonly SemaphorePlace[];
  /** In the order of their turns. Right after the permits became fewer, holders who do not fit any more stand here. */
  readonly waiters: readonly SemaphorePlace[];
}

/** `unsaid`: the permits if nobody has said anything yet. */
export async function inspectSemaphore(
  { store, runtime }: RecipeContext,
  name: string,
  prefix: Bytes,
  unsaid: number,
  call: { readonly signal?: AbortSignal | undefined },
): Promise<SemaphoreState> {
  const keys = semaphoreKeys(prefix);
  const reads = [get(keys.declared), get(keys.permits), get(keys.places.key, keys.places)];
  const read = await store.txn({ success: reads }, call);
  const [said] = rangeAt(read, 0).kvs;
  const { permits } = permitsIn(rangeAt(read, 1), said === undefined ? unsaid : Number(utf8Text(said.value)));
  const places = rangeAt(read, 2)
    .kvs.filter((kv) => isPlace(prefix, kv))
    .sort(comparePlaces);
  const holders: SemaphorePlace[] = [];
  const waiters: SemaphorePlace[] = [];
  let before = 0;
  for (const each of places) {
    const place = semaphorePlace(prefix, each, runtime.wallMs());
    before += place.permits;
    (before <= permits ? holders : waiters).push(place);
  }
  const taken = holders.reduce((sum, each) => sum + each.permits, 0);
  return { name, permits, available: permits - taken, holders, waiters };
}

function semaphorePlace(prefix: Bytes, place: Place, nowMs: number): SemaphorePlace {
  const holder = decodeHolder(place.value);
  return {
    ...holder,
    key: utf8Text(place.key),
    fence: place.createRevision,
    leaseId: place.lease,
    permits: weightOf(prefix, place),
    ageMs: holder.sinceMs === undefined ? undefined : Math.max(0, nowMs - holder.sinceMs),
  };
}
