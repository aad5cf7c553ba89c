import type { KeyValue } from '../store/messages.js';
import type { Change } from './key-record.js';

/** What one change takes besides its key and value: its objects, and its places in the record and the log. */
export const changeOverheadBytes = 512;

/** Bytes that changes take, kept as a sum. */
export class SpaceSize {
  #kept = 0;
  #live = 0;

  /** Everything that can still be read, in the past too. */
  get kept(): number {
    return this.#kept;
  }

  /** What exists now. */
  get live(): number {
    return this.#live;
  }

  /** `previous` is what the key held before. */
  add(change: Change, previous: KeyValue | undefined): void {
    this.#kept += sizeOf(change.kv);
    if (previous !== undefined) this.#live -= sizeOf(previous);
    if (!change.deleted) this.#live += sizeOf(change.kv);
  }

  /** `change` is in the past: what exists now is not touched. */
  forget(change: Change): void {
    this.#kept -= sizeOf(change.kv);
  }
}

function sizeOf({ key, value }: KeyValue): number {
  return key.length + value.length + changeOverheadBytes;
}
