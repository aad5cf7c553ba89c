import { abortable, linkSignals } from '../core/abort.js';
import type { Session } from '../lease/session.js';
import { inLine } from '../line/acquire.js';
import type { AcquireOptions } from '../line/context.js';
import { exclusive } from '../line/exclusive.js';
import { farewell } from '../line/keep-or-leave.js';
import { leave } from '../line/leave.js';
import type { Turn } from '../line/line.js';
import { placesOf } from '../line/sight.js';
import { bytesOf } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { bettersOf } from './better.js';
import { type Ground, whatOf } from './ground.js';
import { bringNext, isNoHandOver, leaveTo, type Parting } from './hand-over.js';
import type { Leader } from './leader.js';
import { Leadership } from './leadership.js';
import { type Rank, type RankOptions, rankOf, tailOf } from './rank.js';

/** How to stand for election. */
export interface CampaignOptions extends AcquireOptions, RankOptions {}

/**
 * Stands until it leads. One that takes part in ranking and finds a better candidate behind it when its turn comes
 * hands over before anything else, and stands again.
 */
export function campaign(
  ground: Ground,
  value: string,
  options: CampaignOptions,
  managed: boolean,
): Promise<Leadership> {
  const rank = rankOf(options);
  return inLine(ground.context, whatOf(ground), exclusive(ground.prefix), options, async (line, session, signal) => {
    // Bounded by `signal`: each further turn has made a better candidate the leader.
    for (;;) {
      const turn = await line.join(bytesOf(value), signal, { tail: rank && tailOf(rank) });
      if (rank && turn.waited && (await givesWay(ground, session, turn, rank, signal))) continue;
      session.assertAlive();
      return new Leadership(ground, session, turn, { managed });
    }
  });
}

/** Whether its place is a better candidate's, or gone. However it fails, its place is taken away. */
async function givesWay(
  ground: Ground,
  session: Session,
  turn: Turn,
  rank: Rank,
  signal: AbortSignal,
): Promise<boolean> {
  const either = linkSignals(signal, session.signal);
  try {
    return await abortable(handOverToBetter(ground, turn, rank, either.signal), either.signal);
  } catch (error) {
    await farewell(
      ground.context,
      leave(ground.context, session, turn).catch(() => {}),
    );
    throw error;
  } finally {
    either.unlink();
  }
}

async function handOverToBetter(ground: Ground, turn: Turn, rank: Rank, signal: AbortSignal): Promise<boolean> {
  const { context, prefix } = ground;
  const read = () => placesOf(context.store, prefix, { signal });
  const places = await untilAnswered(context.runtime, signal, read);
  for (const better of bettersOf(ground, places, rank)) {
    if ((await partFor(ground, turn, better, signal)) !== 'kept') return true;
  }
  return false;
}

async function partFor(ground: Ground, turn: Turn, candidate: Leader, signal: AbortSignal): Promise<Parting> {
  try {
    const successor = await bringNext(ground, turn, candidate, signal);
    return await leaveTo(ground.context, turn, successor, signal);
  } catch (error) {
    if (!isNoHandOver(error)) throw error;
    return 'kept';
  }
}
