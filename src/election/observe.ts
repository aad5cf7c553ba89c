import { AsyncQueue } from '../core/async-queue.js';
import type { Bytes } from '../core/bytes.js';
import { type Leader, leaderOf, sameLeader } from './leader.js';
import { type LeaderSeen, type Observers, samePlace } from './leader-watch.js';

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
  const show = ({ place }: LeaderSeen) => (place === null ? null : leaderOf(prefix, place));
  return observeAs(observers, prefix, signal, show, sameLeader);
}

/** The same as keys, and a proclamation of the value that stands already is a change, too. */
export function observePlace(
  observers: Observers,
  prefix: Bytes,
  signal: AbortSignal | undefined,
): AsyncGenerator<LeaderSeen, void, undefined> {
  return observeAs(
    observers,
    prefix,
    signal,
    (seen) => seen,
    (before, seen) => samePlace(before.place, seen.place),
  );
}

/** `show`: what is yielded. */
function observeAs<T>(
  observers: Observers,
  prefix: Bytes,
  signal: AbortSignal | undefined,
  show: (seen: LeaderSeen) => T,
  same: (before: T, shown: T) => boolean,
): AsyncGenerator<T, void, undefined> {
  const queue = new AsyncQueue<T>(observerLimit, { same });
  const push = (seen: LeaderSeen) => queue.push(show(seen));
  const onStart = () => {
    const { shared, unsubscribe } = observers.subscribe(prefix, { onSeen: push, onEnd: (error) => queue.end(error) });
    if (shared.seen !== undefined) push(shared.seen);
    return unsubscribe;
  };
  return queue.read({ signal, onStart });
}
