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

/** One key and its changes since the last compaction, oldest first. Never without changes while the store knows it. */
export class KeyRecord {
  readonly text: string;
  readonly key: Bytes;
  #changes: Change[] = [];

  constructor(text: string, key: Bytes) {
    this.text = text;
    this.key = key;
  }

  get isEmpty(): boolean {
    return this.#changes.length === 0;
  }

  /** The newest value; undefined if the key is deleted. */
  get latest(): KeyValue | undefined {
    return liveValue(this.#changes[this.#changes.length - 1]);
  }

  /** The value as of the end of `revision`. */
  at(revision: bigint): KeyValue | undefined {
    return liveValue(this.#changes[this.#countUntil(revision) - 1]);
  }

  put(revision: bigint, value: Bytes, lease: bigint): Change {
    const previous = this.latest;
    const kv: KeyValue = {
      key: this.key,
      createRevision: previous?.createRevision ?? revision,
      modRevision: revision,
      version: (previous?.version ?? 0n) + 1n,
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
    // A first `push` would make room for 17; most keys have one change.
    if (this.isEmpty) this.#changes = [change];
    else this.#changes.push(change);
    return change;
  }

  /** Forgets what no read at `revision` or later can see, and returns it. */
  compact(revision: bigint): readonly Change[] {
    const newest = this.#countUntil(revision) - 1;
    if (newest < 0) return [];
    // A deletion reads like nothing at all; the change log keeps the one that happened at `revision` itself.
    return this.#changes.splice(0, this.#changes[newest]?.deleted ? newest + 1 : newest);
  }

  /** How many changes happened up to the end of `revision`. */
  #countUntil(revision: bigint): number {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle] as Change).kv.modRevision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function liveValue(change: Change | undefined): KeyValue | undefined {
  return change === undefined || change.deleted ? undefined : change.kv;
}
