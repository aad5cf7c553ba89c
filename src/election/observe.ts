import { onAbort } from '../core/abort.js';
import { AsyncQueue } from '../core/async-queue.js';
import { type Bytes, prefixEnd } from '../core/bytes.js';
import type { SessionContext } from '../lease/session.js';
import type { Place } from '../line/place.js';
import { type FollowListener, follow } from '../store/follow.js';
import { type Leader, leaderOf, sameLeader } from './leader.js';
import { Roll } from './roll.js';
import { checkForStale } from './stale-check.js';

/** An observer that falls this many changes behind loses the oldest, never the newest. */
const observerLimit = 1024;

/** Who leads as of `revision`. */
export interface LeaderSeen {
  /** Null: nobody. */
  readonly place: Place | null;
  readonly revision: bigint;
}

/**
 * Yields who leads, at once and after every change; null while nobody does. Every change of leader or value that the
 * store made is yielded, none twice, none out of order; only what happened while history was compacted under a lost
 * connection, or was never told, can be missed, and then the present state follows.
 */
export async function* observeLeader(
  context: SessionContext,
  prefix: Bytes,
  signal: AbortSignal | undefined,
): AsyncGenerator<Leader | null, void, undefined> {
  let told: Leader | null | undefined;
  for await (const { place } of observePlace(context, prefix, signal)) {
    const leader = place === null ? null : leaderOf(prefix, place);
    if (told !== undefined && sameLeader(told, leader)) continue;
    told = leader;
    yield leader;
  }
}

/** The same as keys, and a proclamation of the value that stands already is a change, too. */
export async function* observePlace(
  { store, runtime }: SessionContext,
  prefix: Bytes,
  signal: AbortSignal | undefined,
): AsyncGenerator<LeaderSeen, void, undefined> {
  signal?.throwIfAborted();
  const queue = new AsyncQueue<LeaderSeen>(observerLimit);
  let roll = new Roll(prefix, []);
  let told: Place | null | undefined;
  const tell = (revision: bigint) => {
    const place = roll.leader ?? null;
    if (told !== undefined && samePlace(told, place)) return;
    told = place;
    queue.push({ place, revision });
  };
  const listener: FollowListener = {
    onSnapshot: (kvs, revision) => {
      roll = new Roll(prefix, kvs);
      tell(revision);
    },
    onEvents: (events) => {
      events.forEach((event, i) => {
        const revision = event.kv.modRevision;
        roll.apply(event);
        // What one txn changed is one change: a leader that goes and one that comes in it leave no moment between.
        if (events[i + 1]?.kv.modRevision !== revision) tell(revision);
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

/** A mod revision belongs to one txn, which writes a key once. */
function samePlace(a: Place | null, b: Place | null): boolean {
  if (a === null || b === null) return a === b;
  return a.modRevision === b.modRevision && a.createRevision === b.createRevision;
}
