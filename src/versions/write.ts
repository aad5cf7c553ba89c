import type { WaitOptions } from '../core/abort.js';
import { type Bytes, prefixEnd, sameBytes, utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { randomHex } from '../core/runtime.js';
import type { KeyValue, RequestOp, TxnRequest } from '../store/messages.js';
import { get, modifiedAt, put, rangeAt, remove } from '../store/ops.js';
import { untilAnswered, untilDone } from '../store/repeat.js';
import { encodeRecord, type HistoryRecord, keptVersions, withoutText } from './history.js';
import { type KeyDiff, shown } from './key-diff.js';
import { historyPrefix, keyOf, type Versioned } from './place.js';

export interface WriteOptions extends WaitOptions {
  /** Who changes it, for the history. Default: the connection's label, else host and process id. */
  readonly author?: string | undefined;
  /** Why, for the history. */
  readonly reason?: string | undefined;
  /** Checks everything and says what would change, and writes nothing. */
  readonly dryRun?: boolean | undefined;
}

export interface Written {
  /** At which it was written; of a dry run the store's at that moment. */
  readonly revision: bigint;
  /** Keys as writers call them; what is the same as before is none. */
  readonly changes: readonly KeyDiff[];
  readonly dryRun: boolean;
}

/** What is to stand at a key. */
export interface Wish {
  readonly name: string;
  /** Undefined: nothing. */
  readonly bytes: Bytes | undefined;
  /** The revision of the key that the writer has seen; 0n: none was there. Undefined: whatever it is. */
  readonly expected?: bigint | undefined;
}

/** What is made of what stands at a key; asked again whenever somebody else has been faster. */
export interface Change {
  readonly name: string;
  readonly next: (kv: KeyValue | undefined) => Bytes | undefined;
}

/** A key as it is before the write. */
interface Seen {
  readonly wish: Wish;
  readonly key: Bytes;
  readonly kv: KeyValue | undefined;
  /** Its history, the oldest first, without what it says. */
  readonly entries: readonly KeyValue[];
}

/** What else must be true; throws if it is not. May read; the guards for what it has read. */
export type Check = (signal: AbortSignal) => Promise<TxnRequest['compare']>;

/** etcd's `--max-txn-ops`, unless somebody has changed it. */
const operationsLimit = 128;

/** Two reads per key. */
const keysLimit = operationsLimit / 2;

/** So many keys fit into one txn, whatever their history: value, version, somebody else's version, the oldest. */
export const safeKeysPerTxn = operationsLimit / 4;

/** Less than etcd's `--max-request-bytes` of 1.5 MiB, which counts keys and framing too. */
const requestBytes = 1_400 * 1024;

/**
 * Writes all wishes in one txn, and what has been beside each of them; guarded by the revision of each key, so that
 * nobody's write is lost unseen.
 * @throws ConclaveError `CONFLICT` with both revisions when a key is not as expected, `INVALID_ARGUMENT` for more keys
 * than one txn takes, what `check` throws, what the store refuses.
 */
export async function writeAll(
  context: Versioned,
  wishes: readonly (Wish | Change)[],
  options: WriteOptions,
  check: Check,
  signal: AbortSignal,
): Promise<Written> {
  if (wishes.length > keysLimit) throw tooMany(`${wishes.length} keys`);
  const nonce = randomHex(context.runtime);
  // Bounded by `signal`: each further round is for somebody else who has written meanwhile.
  for (;;) {
    const { all, revision } = await look(context, wishes, signal);
    for (const { wish, kv } of all) expectRevision(wish, kv);
    const guards = await check(signal);
    const changing = all.filter(({ wish, kv }) => !isSame(wish, kv));
    const changes = changing.map(diffOf);
    if (options.dryRun === true || changing.length === 0) return { revision, changes, dryRun: options.dryRun === true };
    const request = requestOf(context, { all, changing, guards, revision, nonce }, options);
    const answer = await untilDone(context.runtime, signal, () => context.store.txn(request, { signal }));
    const written = answer.succeeded ? answer.header.revision : rangeAt(answer, 0).kvs[0]?.createRevision;
    if (written !== undefined) return { revision: written, changes, dryRun: false };
  }
}

async function look(
  context: Versioned,
  wishes: readonly (Wish | Change)[],
  signal: AbortSignal,
): Promise<{ readonly all: readonly Seen[]; readonly revision: bigint }> {
  const reads = wishes.flatMap(({ name }): RequestOp[] => {
    const key = historyPrefix(context, { key: name });
    return [get(keyOf(context, name)), get(key, { rangeEnd: prefixEnd(key), keysOnly: true })];
  });
  const { runtime, store } = context;
  const answer = await untilAnswered(runtime, signal, () => store.txn({ success: reads }, { signal }));
  const all = wishes.map((asked, i) => {
    const kv = rangeAt(answer, 2 * i).kvs[0];
    const wish = 'next' in asked ? { name: asked.name, bytes: asked.next(kv) } : asked;
    return { wish, key: keyOf(context, wish.name), kv, entries: rangeAt(answer, 2 * i + 1).kvs };
  });
  return { all, revision: answer.header.revision };
}

function expectRevision({ name: key, expected }: Wish, kv: KeyValue | undefined): void {
  const actual = kv?.modRevision ?? 0n;
  if (expected === undefined || expected === actual) return;
  const message = `${JSON.stringify(key)} is at revision ${actual}, not at ${expected} as expected`;
  throw new ConclaveError('CONFLICT', message, { conflict: { key, expected, actual } });
}

function isSame({ bytes }: Wish, kv: KeyValue | undefined): boolean {
  if (bytes === undefined || kv === undefined) return bytes === kv;
  return sameBytes(bytes, kv.value);
}

interface Step {
  readonly all: readonly Seen[];
  readonly changing: readonly Seen[];
  readonly guards: TxnRequest['compare'];
  readonly revision: bigint;
  readonly nonce: string;
}

/**
 * Safe to run twice: the second time the guards fail, and the entry of the history that only this write can have made
 * says what the first has done.
 */
function requestOf(
  context: Versioned,
  { all, changing, guards = [], revision, nonce }: Step,
  options: WriteOptions,
): TxnRequest {
  const [first] = changing as readonly [Seen];
  const records = changing.flatMap((seen) => recordsOf(context, seen, revision, nonce, options));
  const valueBytes = changing.reduce((sum, { wish }) => sum + (wish.bytes?.length ?? 0), 0);
  const success = [
    ...changing.flatMap(valueOps),
    ...recordOps(records, requestBytes - valueBytes),
    ...changing.flatMap(pruneOps),
  ];
  if (success.length > operationsLimit) throw tooMany(`${success.length} operations`);
  return {
    compare: [...all.map(({ key, kv }) => modifiedAt(key, kv?.modRevision ?? 0n)), ...guards],
    success,
    failure: [get(entryKey(context, first.wish.name, revision, nonce))],
  };
}

function valueOps({ wish, key }: Seen): RequestOp[] {
  return [wish.bytes === undefined ? remove(key) : put(key, wish.bytes)];
}

/** The new version, and what somebody wrote past us before it. */
function recordsOf(
  context: Versioned,
  seen: Seen,
  revision: bigint,
  nonce: string,
  { author = authorOf(context), reason }: WriteOptions,
): readonly (readonly [key: Bytes, record: HistoryRecord])[] {
  const { name, bytes } = seen.wish;
  const atMs = Math.round(context.runtime.wallMs());
  const own = { bytes, author, reason, atMs, replaced: seen.kv?.modRevision ?? 0n };
  const records: [Bytes, HistoryRecord][] = [[entryKey(context, name, revision, nonce), own]];
  if (isForeign(seen)) {
    const { value, modRevision } = seen.kv as KeyValue;
    const foreign = { bytes: value, foreignRevision: modRevision, replaced: undefined };
    records.push([entryKey(context, name, modRevision - 1n, nonce), foreign]);
  }
  return records;
}

/** The last entry of a key is that of its last writer here: whatever has another revision was written past us. */
function isForeign({ kv, entries }: Seen): boolean {
  return kv !== undefined && kv.modRevision !== entries.at(-1)?.createRevision;
}

/** Who and why is always kept; what there is no room for beside the values is left out. */
function recordOps(records: ReturnType<typeof recordsOf>, roomBytes: number): RequestOp[] {
  let leftBytes = roomBytes;
  return records.map(([key, record]) => {
    const whole = utf8(encodeRecord(record));
    const kept = whole.length <= leftBytes ? whole : utf8(encodeRecord(withoutText(record)));
    leftBytes -= kept.length;
    return put(key, kept);
  });
}

/** Of the history that there will be, what is too old. */
function pruneOps(seen: Seen): RequestOp[] {
  const { entries } = seen;
  const tooMany = entries.length + (isForeign(seen) ? 2 : 1) - keptVersions;
  const [oldest, kept] = [entries[0], entries[tooMany]];
  return oldest === undefined || kept === undefined || tooMany <= 0 ? [] : [remove(oldest.key, { rangeEnd: kept.key })];
}

/**
 * Entries sort as they were written: each has in its name a revision before its own and not before that of the last
 * one, since its writer has read that.
 */
function entryKey(context: Versioned, name: string, before: bigint, nonce: string): Bytes {
  const order = before.toString(16).padStart(16, '0');
  return utf8(`${utf8Text(historyPrefix(context, { key: name }))}${order}.${nonce}`);
}

function diffOf({ wish, kv }: Seen): KeyDiff {
  const type = kv === undefined ? 'added' : wish.bytes === undefined ? 'deleted' : 'modified';
  return { key: wish.name, type, oldValue: shown(kv?.value), newValue: shown(wish.bytes) };
}

function authorOf({ identity: { label, host, pid } }: Versioned): string | undefined {
  return label ?? (host === undefined ? undefined : `${host}:${pid}`);
}

function tooMany(what: string): ConclaveError {
  return new ConclaveError('INVALID_ARGUMENT', `${what} in one txn: etcd takes ${operationsLimit} operations`);
}
