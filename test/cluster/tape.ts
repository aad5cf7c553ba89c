import { closeSync, openSync, writeSync } from 'node:fs';
import { encodeEntry, Recorder } from '../../src/sim/history.js';
import { monotonicMs } from './clock.js';

/** The history of one process, written line by line: what was written stays, whenever the process is killed. */
export class Tape {
  readonly recorder: Recorder;
  readonly #file: number;
  #stampMs: number | undefined;
  #lastMs = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
    this.recorder = new Recorder({
      nowMs: () => this.#stampMs ?? monotonicMs(),
      onEntry: (entry) => {
        this.#lastMs = entry.atMs;
        writeSync(this.#file, encodeEntry(entry));
      },
    });
  }

  /**
   * What `write` records is stamped with `atMs`, a moment just before: a process may be stopped between a look at
   * something and the writing down of what it saw. What the look itself made others write stays before it.
   */
  at<T>(atMs: number, write: () => T): T {
    this.#stampMs = Math.max(atMs, this.#lastMs);
    try {
      return write();
    } finally {
      this.#stampMs = undefined;
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}
