import { type Bytes, fromLatin1, latin1, noBytes } from '../core/bytes.js';
import type { KeyValue } from '../store/messages.js';
import { BytePool } from './byte-pool.js';
import { ChangeLog } from './change-log.js';
import { inRange, type KeyRange } from './key-range.js';
import { type Change, KeyRecord, type Revision } from './key-record.js';
import { type KeyCursor, KeyTree } from './key-tree.js';
import { SpaceSize } from './space-size.js';

/** What a scan found: at most as many as asked for, and how many there are in all. */
export interface Scan {
  readonly kvs: KeyValue[];
  readonly count: number;
}

/**
 * The multi-version store: every key with its changes since the last compaction. Writes of one revision are collected
 * until `commit`; reads of the newest state see them at once, reads at a revision do not.
 *
 * Deleted keys stand in a tree of their own, so that reading a busy prefix does not walk over everything that was ever
 * in it.
 */
export class KeySpace {
  readonly #records = new Map<string, KeyRecord>();
  readonly #live = new KeyTree<KeyRecord>();
  readonly #dead = new KeyTree<KeyRecord>();
  #log = new ChangeLog(2n);
  #revision = 1n;
  #compactRevision = -1n;
  readonly #writing: Change[] = [];
  readonly #size = new SpaceSize();
  readonly #pool = new BytePool();

  /** Bytes of what is kept, and of what exists now; estimates of the memory that they take. */
  get bytes(): { readonly kept: number; readonly live: number } {
    return this.#size;
  }

  /** The last committed revision; a fresh store is at 1. */
  get revision(): bigint {
    return this.#revision;
  }

  /** -1 until the first compaction. */
  get compactRevision(): bigint {
    return this.#compactRevision;
  }

  /** Whether something was written since the last commit. */
  get dirty(): boolean {
    return this.#writing.length > 0;
  }

  /** The revision that a read of the newest state sees, uncommitted writes included. */
  get newestRevision(): bigint {
    return this.dirty ? this.#revision + 1n : this.#revision;
  }

  /** Keys that exist now. */
  get size(): number {
    return this.#live.size;
  }

  /** Keys that exist now or in a past that can still be read. */
  get knownSize(): number {
    return this.#records.size;
  }

  get(text: string): KeyValue | undefined {
    return this.#records.get(text)?.latest;
  }

  /** The value of a key as of `revision`; the caller has checked that it is neither compacted nor to come. */
  getAt(text: string, revision: bigint): KeyValue | undefined {
    return this.#records.get(text)?.at(revision);
  }

  /** The first `limit` keys of `range` in key order; `revision` undefined: the newest state. */
  scan(range: KeyRange, revision: bigint | undefined, limit: number): Scan {
    if (range.single) {
      const kv = revision === undefined ? this.get(range.start) : this.getAt(range.start, revision);
      return kv === undefined ? { kvs: [], count: 0 } : { kvs: limit > 0 ? [kv] : [], count: 1 };
    }
    return revision === undefined ? this.#scanNewest(range, limit) : this.#scanAt(range, revision, limit);
  }

  /** Every key as of `revision`. */
  all(revision: bigint): readonly KeyValue[] {
    return this.#scanAt({ start: '', end: undefined, single: false }, revision, Number.POSITIVE_INFINITY).kvs;
  }

  /** A copy that is the store's own; whatever is put must be one. */
  own(bytes: Bytes): Bytes {
    return this.#pool.copy(bytes);
  }

  /** `value` is the store's own: nobody writes to it any more. */
  put(text: string, value: Bytes, lease: bigint): Change {
    let record = this.#records.get(text);
    if (record === undefined) {
      record = new KeyRecord(text, this.#pool.copy(fromLatin1(text)));
      this.#records.set(text, record);
      this.#live.set(text, record);
    } else if (record.latest === undefined) {
      this.#dead.delete(text);
      this.#live.set(text, record);
    }
    const previous = record.latest;
    return this.#write(record.put(this.#revision + 1n, value, lease), previous);
  }

  /** Undefined if there is no such key. */
  delete(text: string): Change | undefined {
    const record = this.#records.get(text);
    const previous = record?.latest;
    if (record === undefined || previous === undefined) return undefined;
    this.#live.delete(text);
    this.#dead.set(text, record);
    return this.#write(record.delete(this.#revision + 1n), previous);
  }

  /** Makes what was written one revision; undefined if nothing was. */
  commit(): Revision | undefined {
    const [first] = this.#writing;
    if (first === undefined) return undefined;
    // The same number as its changes have, not an equal one: there is one for each revision.
    this.#revision = first.kv.modRevision;
    const revision = { revision: this.#revision, changes: this.#writing.slice() };
    this.#writing.length = 0;
    this.#log.append(revision);
    return revision;
  }

  /** Begins with the keys as of a compacted revision. Only for a fresh store. */
  load(revision: bigint, kvs: readonly KeyValue[]): void {
    for (const kv of kvs) this.#replayChange(this.#ownChange({ deleted: false, text: latin1(kv.key), kv }));
    this.#compactRevision = revision;
    this.#revision = revision > 1n ? revision : 1n;
    this.#log = new ChangeLog(this.#revision + 1n);
  }

  /** Makes a revision again that `commit` made once: the next one, or that of `load`, whose keys are there already. */
  replay({ revision, changes }: Revision): void {
    const own = changes.map((change) => this.#ownChange(change));
    if (revision === this.#revision) {
      this.#log = new ChangeLog(this.#revision);
    } else {
      for (const change of own) this.#replayChange(change);
      this.#revision = revision;
    }
    this.#log.append({ revision, changes: own });
  }

  /** How many keys of `range` exist, now or in a past that can be read. */
  knownIn({ start, end }: KeyRange): number {
    return this.#live.count(start, end) + this.#dead.count(start, end);
  }

  /**
   * The first revision from `revision` on, which is not compacted, that changed a key of `range`; undefined if none
   * has. Costs a search for each key that is known.
   */
  changedSince(range: KeyRange, revision: bigint): bigint | undefined {
    let first: bigint | undefined;
    for (const tree of [this.#live, this.#dead]) {
      const cursor = tree.seek(range.start);
      // Bounded by the keys of the tree.
      for (; cursor.key !== undefined && inRange(range, cursor.key); cursor.next()) {
        const changed = cursor.value.changedSince(revision);
        if (changed !== undefined && (first === undefined || changed < first)) first = changed;
      }
    }
    return first;
  }

  /** The changes of all revisions since the last compaction, as they are now, whatever happens later. */
  history(): Iterable<Revision> {
    return this.#log.all();
  }

  /** The changes of one committed revision, or undefined. */
  changesOf(revision: bigint): Revision | undefined {
    return this.#log.get(revision);
  }

  /** The caller has checked that `revision` lies between the last compaction and now. Costs only what it forgets. */
  compact(revision: bigint): void {
    this.#compactRevision = revision;
    for (const gone of this.#log.compact(revision)) {
      for (const { text } of gone.changes) this.#compactKey(text, revision);
    }
  }

  /** What a journal tells may be part of a whole record that was read from disk, which would stay in memory with it. */
  #ownChange({ deleted, text, kv }: Change): Change {
    const record = this.#records.get(text);
    const key = record?.key ?? this.#pool.copy(kv.key);
    const value = kv.value.length === 0 ? noBytes : this.#pool.copy(kv.value);
    return { deleted, text: record?.text ?? text, kv: { ...kv, key, value } };
  }

  #replayChange(change: Change): void {
    const { text } = change;
    let record = this.#records.get(text);
    if (record === undefined) {
      record = new KeyRecord(text, change.kv.key);
      this.#records.set(text, record);
    }
    const [to, from] = change.deleted ? [this.#dead, this.#live] : [this.#live, this.#dead];
    from.delete(text);
    to.set(text, record);
    this.#size.add(change, record.latest);
    record.add(change);
  }

  #compactKey(text: string, revision: bigint): void {
    const record = this.#records.get(text);
    if (record === undefined) return;
    for (const gone of record.compact(revision)) this.#size.forget(gone);
    if (!record.isEmpty) return;
    this.#records.delete(text);
    this.#dead.delete(text);
  }

  #write(change: Change, previous: KeyValue | undefined): Change {
    this.#size.add(change, previous);
    this.#writing.push(change);
    return change;
  }

  #scanNewest(range: KeyRange, limit: number): Scan {
    const kvs: KeyValue[] = [];
    const cursor = this.#live.seek(range.start);
    // Bounded by the keys of the tree.
    while (kvs.length < limit && cursor.key !== undefined && inRange(range, cursor.key)) {
      kvs.push(cursor.value.latest as KeyValue);
      cursor.next();
    }
    return { kvs, count: this.#live.count(range.start, range.end) };
  }

  #scanAt(range: KeyRange, revision: bigint, limit: number): Scan {
    const kvs: KeyValue[] = [];
    let count = 0;
    const live = this.#live.seek(range.start);
    const dead = this.#dead.seek(range.start);
    // Bounded by the keys of both trees: every turn moves one of the cursors on.
    for (;;) {
      const cursor = lower(live, dead);
      if (cursor.key === undefined || !inRange(range, cursor.key)) return { kvs, count };
      const kv = cursor.value.at(revision);
      if (kv !== undefined) {
        count++;
        if (kvs.length < limit) kvs.push(kv);
      }
      cursor.next();
    }
  }
}

function lower<V>(a: KeyCursor<V>, b: KeyCursor<V>): KeyCursor<V> {
  if (a.key === undefined) return b;
  return b.key === undefined || a.key < b.key ? a : b;
}
