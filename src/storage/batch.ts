import { type Deferred, deferred } from '../core/deferred.js';
import type { JournalEntry } from '../engine/journal.js';
import { Writer } from '../wire/codec/writer.js';
import { writeEndMark, writeEntry } from './entry-codec.js';

/** More waits for the next write. Bytes. */
const maxBatchBytes = 8 << 20;

/** Entries that are written and synced together. */
export class Batch {
  /** Settles when they are on disk, or never will be. */
  readonly kept: Deferred<void> = deferred();
  readonly #writer = new Writer();
  /** The last revision among them. */
  revision: bigint | undefined;
  /** Takes nothing more. */
  sealed = false;

  constructor() {
    // Nobody may be waiting for it.
    this.kept.promise.catch(() => {});
  }

  add(entry: JournalEntry): void {
    writeEntry(this.#writer, entry);
    if (entry.type === 'changes') this.revision = entry.changes.revision;
    if (this.#writer.finish().length >= maxBatchBytes) this.sealed = true;
  }

  /** Takes nothing more, and gives what goes to disk. Called once. */
  seal(): Uint8Array {
    this.sealed = true;
    writeEndMark(this.#writer);
    return this.#writer.finish();
  }
}
