import { type Bytes, noBytes } from '../core/bytes.js';
import type { KeyValue } from '../store/messages.js';

/** One put or delete of one key, as history keeps it. Never changed once made. */
export interface Change {
  readonly deleted: boolean;
  /** The key as a latin1 string. */
  readonly text: string;
  /** What the event of this change shows: for a delete only key and modRevision are set. */
  readonly kv: KeyValue;
}

/** All changes of one main revision, in the order in which they were made. */
export interface Revision {
  readonly revision: bigint;
  readonly changes: readonly Change[];
}

/** One key and its changes since the last compaction. Never without changes while the store knows it. */
export class KeyRecord {
  readonly text: string;
  readonly key: Bytes;
  /** Oldest first. Most keys have one change: that alone, since an array would take as much as it. */
  #changes: Change | Change[] | undefined;

  constructor(text: string, key: Bytes) {
    this.text = text;
    this.key = key;
  }

  get isEmpty(): boolean {
    return this.#changes === undefined;
  }

  /** The newest value; undefined if the key is deleted. */
  get latest(): KeyValue | undefined {
    const changes = this.#changes;
    return liveValue(Array.isArray(changes) ? changes[changes.length - 1] : changes);
  }

  /** The value as of the end of `revision`. */
  at(revision: bigint): KeyValue | undefined {
    const changes = this.#list();
    return liveValue(changes[countUntil(changes, revision) - 1]);
  }

  /** The first revision from `revision` on that changed it; undefined if none has. */
  changedSince(revision: bigint): bigint | undefined {
    const changes = this.#list();
    return changes[countUntil(changes, revision - 1n)]?.kv.modRevision;
  }

  put(revision: bigint, value: Bytes, lease: bigint): Change {
    const previous = this.latest;
    const kv: KeyValue = {
      key: this.key,
      createRevision: previous?.createRevision ?? revision,
      modRevision: revision,
      // A sum would be a number of its own for every key.
      version: previous === undefined ? 1n : previous.version + 1n,
      value,
      lease,
    };
    return this.add({ deleted: false, text: this.text, kv });
  }

  delete(revision: bigint): Change {
    const kv = { key: this.key, createRevision: 0n, modRevision: revision, version: 0n, value: noBytes, lease: 0n };
    return this.add({ deleted: true, text: this.text, kv });
  }

  add(change: Change): Change {
    if (this.#changes === undefined) this.#changes = change;
    else if (Array.isArray(this.#changes)) this.#changes.push(change);
    else this.#changes = [this.#changes, change];
    return change;
  }

  /** Forgets what no read at `revision` or later can see, and returns it. */
  compact(revision: bigint): readonly Change[] {
    const changes = this.#list();
    const newest = countUntil(changes, revision) - 1;
    // A deletion reads like nothing at all; the change log keeps the one that happened at `revision` itself.
    const gone = changes[newest]?.deleted ? newest + 1 : newest;
    // It is asked once for each change that goes: what stays is not to be copied each time.
    if (gone <= 0) return [];
    const kept = changes.slice(gone);
    this.#changes = kept.length > 1 ? kept : kept[0];
    return changes.slice(0, gone);
  }

  #list(): readonly Change[] {
    if (this.#changes === undefined) return [];
    return Array.isArray(this.#changes) ? this.#changes : [this.#changes];
  }
}

/** How many changes happened up to the end of `revision`. */
function countUntil(changes: readonly Change[], revision: bigint): number {
  let low = 0;
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((changes[middle] as Change).kv.modRevision <= revision) low = middle + 1;
    else high = middle;
  }
  return low;
}

function liveValue(change: Change | undefined): KeyValue | undefined {
  return change === undefined || change.deleted ? undefined : change.kv;
}
