import type { RecipeContext } from '../line/context.js';
import type { Entry } from '../line/enter.js';
import { mutexKind, reads } from '../line/line-kind.js';
import { moveToEnd } from '../line/move.js';
import { comparePlaces, type Place, placeName } from '../line/place.js';
import type { Rule } from '../line/rule.js';
import { isReader } from '../line/shared.js';
import { placesOf } from '../line/sight.js';
import { standingOf } from '../line/standing.js';
import type { Compare } from '../store/messages.js';
import { createdAt, remove } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';

/** The two kinds of places in a lock's line. */
export interface LockRules {
  readonly exclusive: Rule;
  readonly shared: Rule;
}

/**
 * Makes the place that was entered the first of its line: those who wait before it are sent behind it, then those who
 * hold are broken. A fence is a create revision: whoever gets the lock after the thief needs a newer place than the
 * thief's, or fences would go back.
 *
 * Everything is guarded by a place that keeps the moved one waiting: one that is told that it holds meanwhile stays
 * where it is, and is found holding at the next look. Those who come later stand behind, so that the looks end.
 */
export async function stealTurn(
  context: RecipeContext,
  rules: LockRules,
  own: Pick<Entry, 'key' | 'createRevision'>,
  signal: AbortSignal,
): Promise<void> {
  // Bounded by the places that were there before the own one: each round takes one away, or its owner has.
  for (;;) {
    const read = () => placesOf(context.store, rules.exclusive.prefix, { signal });
    const places = await untilAnswered(context.runtime, signal, read);
    const mine = places.find(({ createRevision }) => createRevision === own.createRevision);
    if (mine === undefined) return;
    const elders = places.filter((place) => comparePlaces(place, mine) < 0);
    if (elders.length === 0) return;
    const { holders, waiters } = standingOf(mutexKind, elders);
    for (const { place, guard } of inTurn(holders, waiters)) await sendBehind(context, rules, place, guard, signal);
    for (const holder of holders) await removeIf(context, holder, createdAt(mine.key, mine.createRevision), signal);
  }
}

/**
 * Those who wait, in the order in which they can be sent away, each with what keeps it waiting until then. While
 * readers hold, a reader waits only for the first writer that waits: it goes before that one.
 */
function inTurn(
  holders: readonly Place[],
  waiters: readonly Place[],
): { readonly place: Place; readonly guard: Compare }[] {
  const [holder] = holders;
  const [first] = waiters;
  if (holder === undefined || first === undefined) return [];
  const sharing = holders.every(reads);
  const ordered = sharing ? [...waiters.filter(isReaders), ...waiters.filter((each) => !isReaders(each))] : waiters;
  return ordered.map((place) => ({ place, guard: existing(sharing && isReaders(place) ? first : holder) }));
}

function isReaders({ key }: Place): boolean {
  return isReader(key);
}

function existing({ key, createRevision }: Place): Compare {
  return createdAt(key, createRevision);
}

/** Ours go to the end, and their owners wait on there; foreign ones know of no such thing, and are taken away. */
async function sendBehind(
  context: RecipeContext,
  rules: LockRules,
  place: Place,
  guard: Compare,
  signal: AbortSignal,
): Promise<void> {
  const { stands } = isReaders(place) ? rules.shared : rules.exclusive;
  if (placeName(stands, place.key) === undefined) await removeIf(context, place, guard, signal);
  else await moveToEnd(context, stands, place, guard, signal);
}

async function removeIf(
  { store, runtime }: RecipeContext,
  { key, createRevision }: Place,
  guard: Compare,
  signal: AbortSignal,
): Promise<void> {
  const txn = { compare: [guard, createdAt(key, createRevision)], success: [remove(key)] };
  await untilAnswered(runtime, signal, () => store.txn(txn));
}
