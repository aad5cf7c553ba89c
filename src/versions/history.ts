import type { WaitOptions } from '../core/abort.js';
import { type Bytes, fromLatin1, latin1, prefixEnd, sameBytes, utf8, utf8Text } from '../core/bytes.js';
import { isPlainObject, jsonOrText } from '../core/plain.js';
import type { KeyValue } from '../store/messages.js';
import { rangeAt } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { historyPrefix, type KeyOrPrefix, nameOfHistory, placeOf, type Versioned } from './place.js';

/** One version of one key. */
export interface HistoryEntry {
  /** As writers call it: `app/db/host`. */
  readonly key: string;
  /** At which it was written. */
  readonly revision: bigint;
  /** As it stands on the store; undefined: it was deleted. */
  readonly text: string | undefined;
  /** The same as JSON if it is some, else the text. */
  readonly value: unknown;
  /** It was too large to be kept beside itself: it can be had back as long as the store's own history has it. */
  readonly omitted: boolean;
  readonly author: string | undefined;
  readonly reason: string | undefined;
  /** Milliseconds since 1970 by the writer's clock. */
  readonly atMs: number | undefined;
  /** Written past this package, as with etcdctl: nobody said who and why. */
  readonly foreign: boolean;
}

export interface HistoryOptions extends WaitOptions {
  /** At most so many, the newest. Default: all that are kept. */
  readonly limit?: number | undefined;
}

/** How many versions of each key are kept. */
export const keptVersions = 50;

/** What an entry of the history says. */
export interface HistoryRecord {
  readonly bytes: Bytes | undefined;
  /** There was a value, and no room to keep it. */
  readonly omitted?: boolean | undefined;
  readonly author?: string | undefined;
  readonly reason?: string | undefined;
  readonly atMs?: number | undefined;
  /** Of a foreign write, which its entry comes behind. */
  readonly foreignRevision?: bigint | undefined;
  /** The revision of what it replaced; 0n: the key was not there; undefined: nobody knows. */
  readonly replaced: bigint | undefined;
}

export function encodeRecord({ bytes, foreignRevision, replaced, ...rest }: HistoryRecord): string {
  return JSON.stringify({
    ...rest,
    ...(bytes !== undefined && asText(bytes)),
    ...(foreignRevision !== undefined && { foreignRevision: `${foreignRevision}` }),
    ...(replaced !== undefined && { replaced: `${replaced}` }),
  });
}

export function withoutText(record: HistoryRecord): HistoryRecord {
  return { ...record, bytes: undefined, ...(record.bytes !== undefined && { omitted: true }) };
}

/** Whether the key was there after it. */
export function wasThere({ bytes, omitted }: HistoryRecord): boolean {
  return bytes !== undefined || omitted === true;
}

/** Of whatever stands there; what is no record says nothing. */
export function recordOf(value: Bytes): HistoryRecord {
  const read = jsonOrText(utf8Text(value));
  const {
    text,
    latin1: raw,
    omitted,
    author,
    reason,
    atMs,
    foreignRevision,
    replaced,
  } = isPlainObject(read) ? read : {};
  return {
    bytes: typeof text === 'string' ? utf8(text) : typeof raw === 'string' ? fromLatin1(raw) : undefined,
    omitted: omitted === true,
    author: typeof author === 'string' ? author : undefined,
    reason: typeof reason === 'string' ? reason : undefined,
    atMs: typeof atMs === 'number' ? atMs : undefined,
    foreignRevision: isRevision(foreignRevision) ? BigInt(foreignRevision) : undefined,
    replaced: isRevision(replaced) ? BigInt(replaced) : undefined,
  };
}

/** A version with the bytes that it had. */
export interface Version {
  readonly name: string;
  readonly revision: bigint;
  readonly record: HistoryRecord;
}

/** Everything that is known of a place: the versions that are kept, and what is there now, at one revision. */
export interface Past {
  /** Of each name, the oldest first. */
  readonly versions: ReadonlyMap<string, readonly Version[]>;
  readonly current: ReadonlyMap<string, KeyValue>;
  readonly revision: bigint;
}

export async function readPast(context: Versioned, what: KeyOrPrefix, signal: AbortSignal): Promise<Past> {
  const { store, runtime } = context;
  const place = placeOf(context, what);
  const past = historyPrefix(context, what);
  const read = await untilAnswered(runtime, signal, () =>
    store.txn(
      {
        success: [
          { type: 'range', request: { key: place.key, rangeEnd: place.rangeEnd } },
          { type: 'range', request: { key: past, rangeEnd: prefixEnd(past) } },
        ],
      },
      { signal },
    ),
  );
  const prefix = 'prefix' in what ? place.name : '';
  const nameOf = ({ key }: KeyValue) => `${prefix}${place.pathOf(latin1(key))}` || place.name;
  const current = new Map(rangeAt(read, 0).kvs.map((kv) => [nameOf(kv), kv]));
  const versions = new Map<string, Version[]>();
  for (const { key, value, createRevision } of rangeAt(read, 1).kvs) {
    const name = nameOfHistory(context, key);
    // The key `app` is not below `app/`; its history is.
    if (!name.startsWith(prefix)) continue;
    const record = recordOf(value);
    const version = { name, revision: record.foreignRevision ?? createRevision, record };
    const known = versions.get(name);
    if (known === undefined) versions.set(name, [version]);
    else known.push(version);
  }
  addForeign(versions, current);
  return { versions, current, revision: read.header.revision };
}

/** The newest first; those of one revision by their names. */
export function entriesOf({ versions }: Past, limit = Number.POSITIVE_INFINITY): HistoryEntry[] {
  const entries = [...versions.values()].flat().map(({ name, revision, record }) => {
    const text = record.bytes === undefined ? undefined : utf8Text(record.bytes);
    const { author, reason, atMs, foreignRevision } = record;
    const value = text === undefined ? undefined : jsonOrText(text);
    const foreign = foreignRevision !== undefined;
    return { key: name, revision, text, value, omitted: record.omitted === true, author, reason, atMs, foreign };
  });
  const newestFirst = (a: HistoryEntry, b: HistoryEntry) =>
    a.revision === b.revision ? (a.key < b.key ? -1 : 1) : a.revision > b.revision ? -1 : 1;
  return entries.sort(newestFirst).slice(0, limit);
}

/** What was written past us since the last entry has none of its own yet: the next writer makes it. */
function addForeign(versions: Map<string, Version[]>, current: ReadonlyMap<string, KeyValue>): void {
  for (const [name, { value: bytes, modRevision }] of current) {
    const known = versions.get(name) ?? [];
    if (known.at(-1)?.revision === modRevision) continue;
    const record = { bytes, foreignRevision: modRevision, replaced: undefined };
    versions.set(name, [...known, { name, revision: modRevision, record }]);
  }
}

function asText(bytes: Bytes): { readonly text: string } | { readonly latin1: string } {
  const text = utf8Text(bytes);
  return sameBytes(utf8(text), bytes) ? { text } : { latin1: latin1(bytes) };
}

function isRevision(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,19}$/.test(value);
}
