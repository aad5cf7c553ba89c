import { closeSync, openSync, writeSync } from 'node:fs';
import { encodeEntry, Recorder } from '../../src/sim/history.js';
import { monotonicMs } from './clock.js';

/** The history of one process, written line by line: what was written stays, whenever the process is killed. */
export class Tape {
  readonly recorder: Recorder;
  readonly #file: number;
  #stampMs: number | undefined;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
    this.recorder = new Recorder({
      nowMs: () => this.#stampMs ?? monotonicMs(),
      onEntry: (entry) => writeSync(this.#file, encodeEntry(entry)),
    });
  }

  /**
   * What `write` records is stamped with `atMs`, a moment just before: a process may be stopped between a look at
   * something and the writing down of what it saw.
   */
  at(atMs: number, write: () => void): void {
    this.#stampMs = atMs;
    try {
      write();
    } finally {
      this.#stampMs = undefined;
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}
