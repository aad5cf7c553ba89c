import { onAbort } from '../core/abort.js';
import { AsyncQueue } from '../core/async-queue.js';
import { type Bytes, prefixEnd } from '../core/bytes.js';
import type { RecipeContext } from '../line/context.js';
import { type FollowListener, follow } from '../store/follow.js';
import { type Leader, leaderOf, sameLeader } from './leader.js';
import { Roll } from './roll.js';
import { checkForStale } from './stale-check.js';

/** An observer that falls this many changes behind loses the oldest, never the newest. */
const observerLimit = 1024;

/**
 * Yields who leads, at once and after every change; null while nobody does. Every change of leader or value that the
 * store made is yielded, none twice, none out of order; only what happened while history was compacted under a lost
 * connection, or was never told, can be missed, and then the present state follows.
 */
export async function* observeLeader(
  { store, runtime }: RecipeContext,
  prefix: Bytes,
  signal: AbortSignal | undefined,
): AsyncGenerator<Leader | null, void, undefined> {
  signal?.throwIfAborted();
  const queue = new AsyncQueue<Leader | null>(observerLimit);
  let roll = new Roll(prefix, []);
  let told: Leader | null | undefined;
  const tell = () => {
    const first = roll.leader;
    const leader = first === undefined ? null : leaderOf(first);
    if (told !== undefined && sameLeader(told, leader)) return;
    told = leader;
    queue.push(leader);
  };
  const listener: FollowListener = {
    onSnapshot: (kvs) => {
      roll = new Roll(prefix, kvs);
      tell();
    },
    onEvents: (events) => {
      events.forEach((event, i) => {
        roll.apply(event);
        // What one txn changed is one change: a leader that goes and one that comes in it leave no moment between.
        if (events[i + 1]?.kv.modRevision !== event.kv.modRevision) tell();
      });
    },
    onEnd: (error) => queue.end(error),
  };
  const start = () => follow(store, runtime, { key: prefix, rangeEnd: prefixEnd(prefix) }, listener);
  let stopFollowing = start();
  const stale = () => {
    stopFollowing();
    stopFollowing = start();
  };
  const stopChecking = checkForStale(store, runtime, { leader: () => roll.leader, stale });
  const stop = () => {
    stopChecking();
    stopFollowing();
  };
  // A reader that does not come back holds no watch after the abort.
  const unlink = onAbort(signal, stop);
  try {
    yield* queue.drain(signal);
  } finally {
    unlink();
    stop();
  }
}
