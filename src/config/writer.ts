import type { WaitOptions } from '../core/abort.js';
import { type Bytes, prefixEnd, sameBytes, utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { jsonOrText } from '../core/plain.js';
import { randomHex } from '../core/runtime.js';
import type { RecipeContext } from '../line/context.js';
import type { KeyValue, RequestOp, TxnRequest } from '../store/messages.js';
import { get, modifiedAt, put, rangeAt, remove } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import type { KeyDiff } from './change.js';
import { encodeRecord, keptVersions, recordOf } from './history.js';
import { historyPrefix, keyOf } from './names.js';

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

/** A key as it is before the write. */
interface Seen {
  readonly wish: Wish;
  readonly key: Bytes;
  readonly kv: KeyValue | undefined;
  /** Keys of its history, the oldest first, and what the newest says. */
  readonly entries: readonly Bytes[];
  readonly newest: KeyValue | undefined;
}

/** What else must be true; throws if it is not. May read; the guards for what it has read. */
export type Check = (signal: AbortSignal) => Promise<TxnRequest['compare']>;

/** etcd's `--max-txn-ops`, unless somebody has changed it. */
const operationsLimit = 128;

/** Two reads per key. */
const keysLimit = operationsLimit / 2;

/**
 * Writes all wishes in one txn, and what has been beside each of them; guarded by the revision of each key, so that
 * nobody's write is lost unseen.
 * @throws ConclaveError `CONFLICT` with both revisions when a key is not as expected, `INVALID_ARGUMENT` for more keys
 * than one txn takes, what `check` throws, what the store refuses.
 */
export async function writeAll(
  context: RecipeContext,
  wishes: readonly Wish[],
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
    const answer = await untilAnswered(context.runtime, signal, () => context.store.txn(request, { signal }));
    const written = answer.succeeded ? answer.header.revision : rangeAt(answer, 0).kvs[0]?.createRevision;
    if (written !== undefined) return { revision: written, changes, dryRun: false };
  }
}

async function look(
  context: RecipeContext,
  wishes: readonly Wish[],
  signal: AbortSignal,
): Promise<{ readonly all: readonly Seen[]; readonly revision: bigint }> {
  const reads = wishes.flatMap(({ name }): RequestOp[] => {
    const key = historyPrefix(context, { key: name });
    return [get(keyOf(context, name)), get(key, { rangeEnd: prefixEnd(key) })];
  });
  const { runtime, store } = context;
  const answer = await untilAnswered(runtime, signal, () => store.txn({ success: reads }, { signal }));
  const all = wishes.map((wish, i) => {
    const entries = rangeAt(answer, 2 * i + 1).kvs;
    return {
      wish,
      key: keyOf(context, wish.name),
      kv: rangeAt(answer, 2 * i).kvs[0],
      entries: entries.map(({ key }) => key),
      newest: entries.at(-1),
    };
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
  context: RecipeContext,
  { all, changing, guards = [], revision, nonce }: Step,
  options: WriteOptions,
): TxnRequest {
  const [first] = changing as readonly [Seen];
  const success = changing.flatMap((seen) => [
    ...valueOps(seen),
    ...historyOps(context, seen, revision, nonce, options),
  ]);
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

/** The new version; before it what somebody wrote past us; and the oldest go. */
function historyOps(
  context: RecipeContext,
  { wish, kv, entries, newest }: Seen,
  revision: bigint,
  nonce: string,
  { author = authorOf(context), reason }: WriteOptions,
): RequestOp[] {
  const { name } = wish;
  const atMs = Math.round(context.runtime.wallMs());
  const record = encodeRecord({ bytes: wish.bytes, author, reason, atMs, replaced: kv?.modRevision ?? 0n });
  const ops = [put(entryKey(context, name, revision, nonce), record)];
  if (kv !== undefined && kv.modRevision !== revisionOf(newest)) {
    const foreign = { bytes: kv.value, foreignRevision: kv.modRevision, replaced: undefined };
    ops.push(put(entryKey(context, name, kv.modRevision - 1n, nonce), encodeRecord(foreign)));
  }
  const kept = entries[entries.length + ops.length - keptVersions];
  const oldest = entries[0];
  if (oldest !== undefined && kept !== undefined && entries.length + ops.length > keptVersions) {
    ops.push(remove(oldest, { rangeEnd: kept }));
  }
  return ops;
}

function revisionOf(entry: KeyValue | undefined): bigint | undefined {
  return entry && (recordOf(entry.value).foreignRevision ?? entry.createRevision);
}

/**
 * Entries sort as they were written: each has in its name a revision before its own and not before that of the last
 * one, since its writer has read that.
 */
function entryKey(context: RecipeContext, name: string, before: bigint, nonce: string): Bytes {
  const order = before.toString(16).padStart(16, '0');
  return utf8(`${utf8Text(historyPrefix(context, { key: name }))}${order}.${nonce}`);
}

function diffOf({ wish, kv }: Seen): KeyDiff {
  const type = kv === undefined ? 'added' : wish.bytes === undefined ? 'deleted' : 'modified';
  return { key: wish.name, type, oldValue: shown(kv?.value), newValue: shown(wish.bytes) };
}

/** As JSON if it is some, else as text. */
export function shown(bytes: Bytes | undefined): unknown {
  return bytes === undefined ? undefined : jsonOrText(utf8Text(bytes));
}

function authorOf({ identity: { label, host, pid } }: RecipeContext): string | undefined {
  return label ?? (host === undefined ? undefined : `${host}:${pid}`);
}

function tooMany(what: string): ConclaveError {
  return new ConclaveError('INVALID_ARGUMENT', `${what} in one txn: etcd takes ${operationsLimit} operations`);
}
