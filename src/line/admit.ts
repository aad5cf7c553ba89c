import type { Place } from './place.js';

/** What a place may do next. */
export type Verdict =
  /** Its turn: it holds. */
  | { readonly type: 'admitted' }
  | Wait
  /**
   * The place itself is no more, whatever stands before it (etcd’s `Campaign` does not ask: phantom leaders, #11456).
   */
  | { readonly type: 'gone' }
  /** The leader has sent it to the end of the line: that is where it stands now. */
  | { readonly type: 'moved'; readonly to: Place };

export type Wait =
  /** Not while `behind` stands there: look again when it has gone or changed. */
  | { readonly type: 'wait'; readonly behind: Place }
  /** First of those who wait for room: look again when any elder has gone. */
  | { readonly type: 'wait-for-room' };

/** A verdict on a place that exists. */
export type Admission = { readonly type: 'admitted' } | Wait;

const admitted = { type: 'admitted' } as const;

/**
 * For who shares with nobody. Waiting for the direct predecessor only wakes one waiter a hand-over, and a predecessor
 * that gives up in the middle just moves its follower up. `elders`: the places made before it, the newest first; at
 * least the newest, if there is any.
 */
export function admitAlone(elders: readonly Place[]): Admission {
  const [behind] = elders;
  return behind === undefined ? admitted : { type: 'wait', behind };
}

/** What a semaphore has to give. */
export interface Permits {
  readonly permits: number;
  /** The most there were at any time while a place of now may have been admitted. */
  readonly highest: number;
}

/**
 * For who needs `weight` of the permits: it must fit in beside everyone before it, whether they hold or wait, so that
 * nobody overtakes a heavy waiter. Elders only go, so that once it fits it fits for good. `weights`: those of the
 * elders, the newest first, all of them or more than `highest` in sum; `newest`: the first of them.
 *
 * If the elders together weigh at most `highest`, all of them may be holders, and any that goes may make room.
 * Otherwise the newest is none: whoever was admitted fitted in below `highest`, and its elders have only become fewer.
 * It will tell when it is (`passOn` in `leave.ts`), or go.
 */
export function admitByWeight(
  weights: readonly number[],
  newest: Place | undefined,
  weight: number,
  { permits, highest }: Permits,
): Admission {
  const before = weights.reduce((sum, each) => sum + each, 0);
  if (before + weight <= permits) return admitted;
  if (newest === undefined || before <= highest) return { type: 'wait-for-room' };
  return { type: 'wait', behind: newest };
}
