import type { RecipeContext } from '../line/context.js';
import { linePrefix } from '../line/context.js';
import { mutexKind, reads } from '../line/line-kind.js';
import type { Place } from '../line/place.js';
import { placesOf } from '../line/sight.js';
import { standingOf } from '../line/standing.js';
import { wholeLines } from '../line/whole-lines.js';
import { webLockName } from './line-name.js';
import type { WebLockMode } from './web-lock-options.js';

/** As the specification's `LockInfo`. */
export interface WebLockInfo {
  readonly name: string;
  readonly mode: WebLockMode;
  /** The lease on which the place hangs, in hex: one per session, of clients of any kind. */
  readonly clientId: string;
}

/** As the specification's `LockManagerSnapshot`. */
export interface WebLockSnapshot {
  readonly held: readonly WebLockInfo[];
  /** For each name in the order of the requests. */
  readonly pending: readonly WebLockInfo[];
}

/** All locks with relative names, at one revision, and those of `absolute`, which are read one by one. */
export async function readSnapshot(context: RecipeContext, absolute: Iterable<string>): Promise<WebLockSnapshot> {
  const held: WebLockInfo[] = [];
  const pending: WebLockInfo[] = [];
  const add = (line: string, places: readonly Place[]) => {
    const { holders, waiters } = standingOf(mutexKind, places);
    held.push(...holders.map((place) => infoOf(line, place)));
    pending.push(...waiters.map((place) => infoOf(line, place)));
  };
  for await (const { name, kind, places } of wholeLines(context, '')) if (kind.type === 'lock') add(name, places);
  for (const name of absolute) add(name, await placesOf(context.store, linePrefix(context, mutexKind.root, name)));
  return { held, pending };
}

function infoOf(line: string, place: Place): WebLockInfo {
  const mode = reads(place) ? 'shared' : 'exclusive';
  return { name: webLockName(line), mode, clientId: place.lease.toString(16) };
}
