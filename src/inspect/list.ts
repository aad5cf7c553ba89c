import { type Bytes, concatBytes, fromLatin1, latin1, prefixEnd, utf8, utf8Text } from '../core/bytes.js';
import type { RecipeContext } from '../line/context.js';
import { type LineKind, lineKinds, mutexKind, rootPrefix } from '../line/line-kind.js';
import { comparePlaces, isPlace, type Place } from '../line/place.js';
import type { KeyValue, RangeResponse } from '../store/messages.js';
import type { Store } from '../store/store.js';
import { type LockPlace, lockPlace, standingOf } from './line-state.js';

export interface ListOptions {
  readonly signal?: AbortSignal | undefined;
  /** Keys that are read at a time. Default: 1,000. */
  readonly pageSize?: number | undefined;
}

/** A line with its places in order. */
export interface WholeLine {
  /** As it is given to `lock()`. */
  readonly name: string;
  readonly kind: LineKind;
  readonly places: readonly Place[];
  /** The one of the whole reading. */
  readonly revision: bigint;
}

/** A line in a list. */
export interface LineSummary {
  readonly name: string;
  readonly type: LineKind['type'];
  /** The first of those that hold it. */
  readonly holder: LockPlace;
  readonly holders: number;
  readonly waiters: number;
}

const defaultPageSize = 1000;

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
  const nowMs = context.runtime.clocks().wallMs;
  for await (const { name, kind, places } of wholeLines(context, prefix, options)) {
    const { holders, waiters } = standingOf(kind, places);
    const holder = lockPlace(places[0] as Place, nowMs);
    yield { name, type: kind.type, holder, holders: holders.length, waiters: waiters.length };
  }
}

/** The lines below `prefix` with all their places, each with at least one. */
export async function* wholeLines(
  context: RecipeContext,
  prefix: string,
  options: ListOptions = {},
): AsyncGenerator<WholeLine, void, undefined> {
  const absolute = prefix.startsWith('/');
  let revision: bigint | undefined;
  for (const kind of absolute ? [mutexKind] : lineKinds) {
    const root = absolute ? utf8('') : rootPrefix(context, kind);
    const from = concatBytes(root, utf8(prefix));
    const open: OpenLine[] = [];
    for await (const page of pagesOf(context.store, from, revision, options)) {
      const at: bigint = revision ?? page.header.revision;
      revision = at;
      for (const kv of page.kvs)
        yield* addPlace(kv, open, from.length).map((line) => whole(line, kind, root.length, at));
      if (!page.more) yield* open.reverse().map((line) => whole(line, kind, root.length, at));
    }
  }
}

/** A line of which more places may follow. */
interface OpenLine {
  /** Its prefix, as latin1. */
  readonly prefix: string;
  readonly places: Place[];
}

/**
 * Puts `kv` into its line and takes those out that are complete. Keys come in order, so that only lines whose prefix
 * the key has can get more: a nested line is complete before the one around it. Names of less than `lengthMin` bytes
 * with their root only have places that look like the prefix asked for.
 */
function addPlace(kv: KeyValue, open: OpenLine[], lengthMin: number): OpenLine[] {
  const text = latin1(kv.key);
  const prefix = text.slice(0, text.lastIndexOf('/') + 1);
  const done: OpenLine[] = [];
  // Bounded by the depth of the names.
  for (let last = open.at(-1); last !== undefined && !text.startsWith(last.prefix); last = open.at(-1)) {
    done.push(last);
    open.pop();
  }
  if (prefix.length - 1 < Math.max(lengthMin, 1) || !isPlace(fromLatin1(prefix), kv)) return done;
  const top = open.at(-1);
  if (top?.prefix === prefix) top.places.push(kv);
  else open.push({ prefix, places: [kv] });
  return done;
}

function whole({ prefix, places }: OpenLine, kind: LineKind, rootLength: number, revision: bigint): WholeLine {
  const name = utf8Text(fromLatin1(prefix.slice(rootLength, -1)));
  return { name, kind, places: places.sort(comparePlaces), revision };
}

/** All keys below `prefix` as of one revision, page by page. */
async function* pagesOf(
  store: Store,
  prefix: Bytes,
  revision: bigint | undefined,
  { signal, pageSize = defaultPageSize }: ListOptions,
): AsyncGenerator<RangeResponse, void, undefined> {
  const rangeEnd = prefixEnd(prefix);
  let key = prefix;
  let at = revision;
  // Bounded by the number of keys.
  for (;;) {
    const page = await store.range({ key, rangeEnd, limit: BigInt(pageSize), revision: at }, { signal });
    yield page;
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return;
    at ??= page.header.revision;
    key = concatBytes(last.key, new Uint8Array([0]));
  }
}
