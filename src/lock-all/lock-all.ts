import { latin1 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { assertWhole } from '../core/whole.js';
import { onSession, placeValue, type Wish } from '../line/acquire.js';
import type { HoldOptions, RecipeContext } from '../line/context.js';
import type { HeldAll } from '../line/held.js';
import type { Hold } from '../line/hold.js';
import { HoldAll } from '../line/hold-all.js';
import { type Asker, joinAllIfFree, joinInOrder, tryInOrder, txnOperationsMax } from '../line/join-all.js';
import { LockWish, lockPrefix } from '../line/lock-wish.js';
import { assertFits, semaphorePrefix, semaphoreWish } from '../line/semaphore-wish.js';
import type { Load } from '../line/weighted.js';

/** One of the locks that `lockAll` takes. */
export type LockEntry =
  /** As `lock(name)`. */
  | string
  /** As `rwLock(name)`. */
  | { readonly write: string }
  | { readonly read: string }
  /** `permits` (default 1) of the semaphore, which has `of`. */
  | { readonly semaphore: string; readonly of: number; readonly permits?: number | undefined };

/** A wish in the order in which everybody takes them. */
interface Ordered {
  readonly wish: Wish<Hold>;
  readonly order: string;
  readonly load?: Load | undefined;
}

/** What one call wants, in the order in which it was given and in that in which everybody takes them. */
interface Wanted {
  readonly given: readonly Ordered[];
  readonly sorted: readonly Ordered[];
}

/** How to get places for all wishes, or undefined. */
type Getting = (
  asker: Asker,
  wishes: readonly Wish<Hold>[],
  signal: AbortSignal,
) => Promise<readonly Hold[] | undefined>;

/**
 * Takes all of them or none. If all are free one txn does it; else one after the other, in the one order that all
 * callers have, so that nobody waits in a circle; what was got first is held meanwhile. README.md beside this file says
 * what it promises.
 * @throws what `Mutex.lock` throws; ConclaveError `INVALID_ARGUMENT` for no names, more than 128, a name that is there
 * twice, or a bad weight; `MISMATCH` as the semaphore does.
 */
export async function lockAll(
  context: RecipeContext,
  entries: readonly LockEntry[],
  options: HoldOptions = {},
): Promise<HeldAll> {
  const held = await takeAll(context, entries, options, async (asker, wishes, signal) => {
    const all = await joinAllIfFree(asker, wishes, signal);
    return typeof all === 'object' ? all : joinInOrder(asker, wishes, signal);
  });
  // It waits for all.
  return held as HeldAll;
}

/**
 * Takes all of them if all are free, else resolves to null at once with nothing left behind. Throws as `lockAll`.
 */
export function tryLockAll(
  context: RecipeContext,
  entries: readonly LockEntry[],
  options: HoldOptions = {},
): Promise<HeldAll | null> {
  return takeAll(context, entries, options, async (asker, wishes, signal) => {
    const all = await joinAllIfFree(asker, wishes, signal);
    if (all === 'busy') return undefined;
    return all ?? tryInOrder(asker, wishes, signal);
  });
}

async function takeAll(
  context: RecipeContext,
  entries: readonly LockEntry[],
  options: HoldOptions,
  getting: Getting,
): Promise<HeldAll | null> {
  const { given, sorted } = wantedOf(context, entries);
  const wishes = sorted.map(({ wish }) => wish);
  const what = `locks ${wishes.map(({ name }) => JSON.stringify(name)).join(', ')}`;
  return onSession(context, what, options, async (session, signal, entered) => {
    for (const { wish, load } of sorted) {
      if (load !== undefined) await assertFits(context, wish.rule.prefix, load, signal);
    }
    const asker: Asker = { context, session, value: placeValue(context, options), entered };
    const holds = await getting(asker, wishes, signal);
    if (holds === undefined) return null;
    const parts = given.map((each) => holds[sorted.indexOf(each)] as Hold);
    return new HoldAll(context, session, parts, options.maxHoldMs);
  });
}

function wantedOf(context: RecipeContext, entries: readonly LockEntry[]): Wanted {
  const given = orderedOf(context, entries);
  const sorted = [...given].sort((a, b) => (a.order < b.order ? -1 : 1));
  return { given, sorted };
}

function orderedOf(context: RecipeContext, entries: readonly LockEntry[]): readonly Ordered[] {
  if (!Array.isArray(entries) || entries.length === 0) {
    throw new ConclaveError('INVALID_ARGUMENT', 'lockAll takes a list of at least one name');
  }
  if (entries.length > txnOperationsMax) {
    const message = `lockAll takes at most ${txnOperationsMax} names, as many as a txn proves: got ${entries.length}`;
    throw new ConclaveError('INVALID_ARGUMENT', message);
  }
  const seen = new Set<string>();
  return entries.map((entry) => {
    const ordered = orderedFrom(context, entry);
    const { order, wish } = ordered;
    if (seen.has(order)) throw new ConclaveError('INVALID_ARGUMENT', `lockAll: ${wish.what} is there twice`);
    seen.add(order);
    return ordered;
  });
}

function orderedFrom(context: RecipeContext, entry: LockEntry): Ordered {
  if (typeof entry === 'string') return lockEntry(context, entry, 'write');
  if (typeof entry === 'object' && entry !== null) {
    if ('write' in entry) return lockEntry(context, entry.write, 'write');
    if ('read' in entry) return lockEntry(context, entry.read, 'read');
    if ('semaphore' in entry) return semaphoreEntry(context, entry);
  }
  throw new ConclaveError('INVALID_ARGUMENT', `lockAll: not a lock: ${String(entry)}`);
}

function lockEntry(context: RecipeContext, name: string, mode: 'read' | 'write'): Ordered {
  const prefix = lockPrefix(context, name);
  return { wish: new LockWish(name, prefix, mode), order: latin1(prefix) };
}

function semaphoreEntry(
  context: RecipeContext,
  { semaphore: name, of, permits = 1 }: Extract<LockEntry, { semaphore: string }>,
): Ordered {
  assertWhole('of', of, 1);
  assertWhole('permits', permits, 1);
  const prefix = semaphorePrefix(context, name);
  const load = { declared: of, weight: permits, seen: { highest: of } };
  return { wish: semaphoreWish(name, prefix, load), order: latin1(prefix), load };
}
