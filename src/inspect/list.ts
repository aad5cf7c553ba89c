import type { RecipeContext } from '../line/context.js';
import type { LineKind } from '../line/line-kind.js';
import type { Place } from '../line/place.js';
import { standingOf } from '../line/standing.js';
import { type ListOptions, wholeLines } from '../line/whole-lines.js';
import { type LockPlace, lockPlace } from './line-state.js';

/** A line in a list. */
export interface LineSummary {
  readonly name: string;
  readonly type: LineKind['type'];
  /** The first of those that hold it. */
  readonly holder: LockPlace;
  readonly holders: number;
  readonly waiters: number;
}

/**
 * Every line whose name starts with `prefix`, at one revision. A prefix that starts with `/` is that of the keys
 * themselves; whatever hangs on a lease below it counts as a place. Holds one page and the lines it is in.
 * @throws ConclaveError `COMPACTED` when the store forgot that revision meanwhile: list again.
 */
export async function* listLines(
  context: RecipeContext,
  prefix = '',
  options: ListOptions = {},
): AsyncGenerator<LineSummary, void, undefined> {
  const nowMs = context.runtime.wallMs();
  for await (const { name, kind, places } of wholeLines(context, prefix, options)) {
    const { holders, waiters } = standingOf(kind, places);
    const holder = lockPlace(places[0] as Place, nowMs);
    yield { name, type: kind.type, holder, holders: holders.length, waiters: waiters.length };
  }
}
