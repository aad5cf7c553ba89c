import { onAbort } from '../core/abort.js';
import { AsyncQueue } from '../core/async-queue.js';
import type { Bytes } from '../core/bytes.js';
import { type Leader, leaderOf, sameLeader } from './leader.js';
import type { LeaderSeen, Observers } from './leader-watch.js';

/** An observer that falls this many changes behind loses the oldest, never the newest. */
const observerLimit = 1024;

/**
 * Yields who leads, at once and after every change; null while nobody does. Every change of leader or value that the
 * store made is yielded, none twice, none out of order; only what happened while history was compacted under a lost
 * connection, or was never told, can be missed, and then the present state follows.
 */
export function observeLeader(
  observers: Observers,
  prefix: Bytes,
  signal: AbortSignal | undefined,
): AsyncGenerator<Leader | null, void, undefined> {
  let told: Leader | null | undefined;
  return observeAs(observers, prefix, signal, ({ place }) => {
    const leader = place === null ? null : leaderOf(prefix, place);
    if (told !== undefined && sameLeader(told, leader)) return undefined;
    told = leader;
    return leader;
  });
}

/** The same as keys, and a proclamation of the value that stands already is a change, too. */
export function observePlace(
  observers: Observers,
  prefix: Bytes,
  signal: AbortSignal | undefined,
): AsyncGenerator<LeaderSeen, void, undefined> {
  return observeAs(observers, prefix, signal, (seen) => seen);
}

/** `show`: what is yielded; undefined: nothing. One generator, not one above the other: each costs every change. */
async function* observeAs<T>(
  observers: Observers,
  prefix: Bytes,
  signal: AbortSignal | undefined,
  show: (seen: LeaderSeen) => T | undefined,
): AsyncGenerator<T, void, undefined> {
  signal?.throwIfAborted();
  const queue = new AsyncQueue<T>(observerLimit);
  const push = (seen: LeaderSeen) => {
    const shown = show(seen);
    if (shown !== undefined) queue.push(shown);
  };
  const { shared, unsubscribe } = observers.subscribe(prefix, { onSeen: push, onEnd: (error) => queue.end(error) });
  if (shared.seen !== undefined) push(shared.seen);
  // A reader that does not come back holds no watch after the abort.
  const unlink = onAbort(signal, unsubscribe);
  try {
    yield* queue.drain(signal);
  } finally {
    unlink();
    unsubscribe();
  }
}
