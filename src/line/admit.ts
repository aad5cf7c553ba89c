import type { Place } from './place.js';

/** What a place may do next. */
export type Verdict =
  /** First in line: it holds. */
  | { readonly type: 'admitted' }
  /** Not yet: look again when `behind` has gone. */
  | { readonly type: 'wait'; readonly behind: Place }
  /**
   * The place itself is no more, whatever stands before it (etcd’s `Campaign` does not ask: phantom leaders, #11456).
   */
  | { readonly type: 'gone' }
  /** The leader has sent it to the end of the line: that is where it stands now. */
  | { readonly type: 'moved'; readonly to: Place };

/** What one consistent read, at one revision, says of a place. */
export interface Sight {
  /** Whether the place exists with the create revision it was given. */
  readonly exists: boolean;
  /** The places created before it, the newest first: at least the newest, if there is any. */
  readonly elders: readonly Place[];
  /** If it does not exist: what has become of it, unless it is gone for good. */
  readonly movedTo?: Place | undefined;
}

/**
 * The one rule of the line. Waiting for the direct predecessor only wakes one waiter a hand-over, and a predecessor
 * that gives up in the middle just moves its follower up.
 */
export function admit({ exists, elders, movedTo }: Sight): Verdict {
  if (!exists) return movedTo === undefined ? { type: 'gone' } : { type: 'moved', to: movedTo };
  const [behind] = elders;
  return behind === undefined ? { type: 'admitted' } : { type: 'wait', behind };
}
