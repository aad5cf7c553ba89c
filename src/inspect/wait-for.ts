import type { RecipeContext } from '../line/context.js';
import type { LineKind } from '../line/line-kind.js';
import type { Place } from '../line/place.js';
import { standingOf } from '../line/standing.js';
import { type ListOptions, wholeLines } from '../line/whole-lines.js';
import { type Deadlock, deadlocksAmong } from './deadlocks.js';
import { type BusyLine, stuckWaits } from './stuck.js';
import { standOf, type Wait } from './wait.js';

/** Who waits for whom, at one revision. */
export interface WaitForGraph {
  /** Every waiter with every holder before it, a party's own included. */
  readonly waits: readonly Wait[];
  readonly deadlocks: readonly Deadlock[];
}

/** A line as it was read, its places in order. */
export interface ReadLine {
  readonly name: string;
  readonly kind: LineKind;
  readonly places: readonly Place[];
}

/** Reads the lines below `prefix` at one revision, see `listLines`, and tells who waits for whom. */
export async function readWaitForGraph(
  context: RecipeContext,
  prefix = '',
  options: ListOptions = {},
): Promise<WaitForGraph> {
  const lines: ReadLine[] = [];
  for await (const line of wholeLines(context, prefix, options)) if (line.places.length > 1) lines.push(line);
  return waitForGraph(lines);
}

/**
 * Who waits for whom in `lines`, which must have been read at one revision, and who waits in a circle. Nobody can see
 * from outside which task of a process holds and which one waits: a process that waits for itself is shown, and taken
 * for two tasks; a circle through several processes is reported.
 */
export function waitForGraph(lines: readonly ReadLine[]): WaitForGraph {
  const busy = lines.map(busyLine).filter(({ waiters }) => waiters.length > 0);
  const waits = busy.flatMap(({ name, holders, waiters }) =>
    waiters.flatMap((waiter) => holders.map((holder) => ({ line: name, waiter: waiter.stand, holder: holder.stand }))),
  );
  return { waits, deadlocks: deadlocksAmong(stuckWaits(busy)) };
}

function busyLine({ name, kind, places }: ReadLine): BusyLine {
  const { holders, waiters } = standingOf(kind, places);
  const seen = (place: Place) => ({ place, stand: standOf(place) });
  return { name, kind, holders: holders.map(seen), waiters: waiters.map(seen) };
}
