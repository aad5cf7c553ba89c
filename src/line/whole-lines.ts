import { type Bytes, concatBytes, fromLatin1, latin1, prefixEnd, utf8, utf8Text } from '../core/bytes.js';
import { assertText } from '../core/given.js';
import type { KeyValue, RangeResponse } from '../store/messages.js';
import type { Store } from '../store/store.js';
import type { RecipeContext } from './context.js';
import { type LineKind, type LineRoot, lineRoots, lockRoot, rootPrefix } from './line-kind.js';
import { comparePlaces, isPlace, type Place } from './place.js';

export interface ListOptions {
  readonly signal?: AbortSignal | undefined;
  /** Keys that are read at a time. Default: 1,000. */
  readonly pageSize?: number | undefined;
}

/** Which lines to read. Default: those of every kind whose places exclude each other. */
export interface WhichLines extends ListOptions {
  readonly roots?: readonly LineRoot[] | undefined;
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

const defaultPageSize = 1000;

/** The lines below `prefix` with all their places, each with at least one. */
export async function* wholeLines(
  context: RecipeContext,
  prefix: string,
  options: WhichLines = {},
): AsyncGenerator<WholeLine, void, undefined> {
  assertText('a prefix', prefix);
  const absolute = prefix.startsWith('/');
  let revision: bigint | undefined;
  for (const lines of options.roots ?? (absolute ? [lockRoot] : lineRoots)) {
    const root = absolute ? utf8('') : rootPrefix(context, lines);
    const from = concatBytes(root, utf8(prefix));
    const open: OpenLine[] = [];
    for await (const page of pagesOf(context.store, from, revision, options)) {
      const at: bigint = revision ?? page.header.revision;
      revision = at;
      const finished = (each: readonly OpenLine[]) =>
        each.filter(({ places }) => places.length > 0).map((line) => whole(line, lines, root.length, at));
      for (const kv of page.kvs) yield* finished(addKey(kv, open, lines, from.length));
      if (!page.more) yield* finished(open.reverse());
    }
  }
}

/** A line of which more places may follow. */
interface OpenLine {
  /** Its prefix, as latin1. */
  readonly prefix: string;
  readonly places: Place[];
  /** What stands in it and is no place. */
  readonly records: KeyValue[];
}

/**
 * Puts `kv` into its line and takes those out that are complete. Keys come in order, so that only lines whose prefix
 * the key has can get more: a nested line is complete before the one around it. Names of less than `lengthMin` bytes
 * with their root only have places that look like the prefix asked for.
 */
function addKey(kv: KeyValue, open: OpenLine[], lines: LineRoot, lengthMin: number): OpenLine[] {
  const text = latin1(kv.key);
  const prefix = text.slice(0, text.lastIndexOf('/') + 1);
  const done: OpenLine[] = [];
  // Bounded by the depth of the names.
  for (let last = open.at(-1); last !== undefined && !text.startsWith(last.prefix); last = open.at(-1)) {
    done.push(last);
    open.pop();
  }
  const isOne = isPlace(fromLatin1(prefix), kv);
  if (prefix.length - 1 < Math.max(lengthMin, 1) || !(isOne || lines.isRecord(text))) return done;
  const top = open.at(-1);
  const line = top?.prefix === prefix ? top : { prefix, places: [], records: [] };
  if (line !== top) open.push(line);
  (isOne ? line.places : line.records).push(kv);
  return done;
}

function whole(
  { prefix, places, records }: OpenLine,
  lines: LineRoot,
  rootLength: number,
  revision: bigint,
): WholeLine {
  const name = utf8Text(fromLatin1(prefix.slice(rootLength, -1)));
  return { name, kind: lines.kindOf(records), places: places.sort(comparePlaces), revision };
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
