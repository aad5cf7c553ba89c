import { prefixEnd } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { lookAgainMs } from '../line/line.js';
import type { Place } from '../line/place.js';
import { follow } from '../store/follow.js';
import type { Ground } from './ground.js';
import { isNoHandOver } from './hand-over.js';
import { type Leader, leaderOf } from './leader.js';
import type { Leadership } from './leadership.js';
import { outranks, type Rank } from './rank.js';
import { Roll } from './roll.js';

/** Those of `places`, in line order, who are to lead rather than a candidate of this rank; the best first. */
export function bettersOf({ prefix }: Ground, places: readonly Place[], rank: Partial<Rank>): Leader[] {
  const betters = places.map((place) => leaderOf(prefix, place)).filter((each) => outranks(each, rank));
  return betters.sort((a, b) => Number(outranks(b, a)) - Number(outranks(a, b)));
}

/**
 * Watches who stands behind a leader that is under `run()`, and has it handed over to whoever is better, once that can
 * be done: tries at each change, and again after 10 s while somebody better waits. The function returned ends it.
 */
export function watchForBetter(ground: Ground, leadership: Leadership, rank: Partial<Rank>): () => void {
  const { store, runtime } = ground.context;
  let roll = new Roll(ground.prefix, []);
  let stopTimer = () => {};
  let asking = false;
  const stopped = new AbortController();
  const consider = () => {
    const betters = bettersOf(ground, roll.inOrder, rank);
    if (asking || betters.length === 0 || leadership.signal.aborted || stopped.signal.aborted) return;
    asking = true;
    stopTimer();
    void handOverTo(leadership, betters, stopped.signal).finally(() => {
      asking = false;
      if (!stopped.signal.aborted) stopTimer = runtime.setTimer(lookAgainMs, consider);
    });
  };
  const stopFollowing = follow(
    store,
    runtime,
    { key: ground.prefix, rangeEnd: prefixEnd(ground.prefix) },
    {
      onSnapshot: (kvs) => {
        roll = new Roll(ground.prefix, kvs);
        consider();
      },
      onEvents: (events) => {
        for (const event of events) roll.apply(event);
        consider();
      },
      // What ends it for good ends the leadership, too.
      onEnd: () => {},
    },
  );
  return () => {
    stopTimer();
    stopFollowing();
    stopped.abort(new ConclaveError('CLOSED', 'the term is over'));
  };
}

/** The first of them to whom it can be handed over. Never rejects. */
async function handOverTo(leadership: Leadership, betters: readonly Leader[], signal: AbortSignal): Promise<void> {
  for (const better of betters) {
    try {
      return await leadership.handOver(better, { signal });
    } catch (error) {
      if (!ConclaveError.is(error)) throw error;
      // It leads no more, and its signal says so.
      if (!isNoHandOver(error)) return;
    }
  }
}
