import { join } from 'node:path';
import type { Fs } from './fs.js';
import { OutOfRoom, outOfRoom } from './storage-error.js';

const reserveName = 'reserve';
const chunk = new Uint8Array(256 << 10);

/**
 * Room that is kept for when the disk has none left: a file of zeros, given up at the first write that finds the disk
 * full. So that write, and what had been carried out besides, still get to disk, and nobody is told that it failed.
 *
 * On file systems that copy on write or compress, zeros may keep little room: then a full disk ends the store.
 */
export class Reserve {
  readonly #fs: Fs;
  readonly #dir: string;
  readonly #bytes: number;
  #isKept = false;
  #filling: Promise<boolean> | undefined;

  /** `bytes` 0: none is kept. */
  constructor(fs: Fs, dir: string, bytes: number) {
    this.#fs = fs;
    this.#dir = dir;
    this.#bytes = bytes;
  }

  get isKept(): boolean {
    return this.#isKept;
  }

  /** Keeps the room, if that is there; whether it is. Rejects where the disk fails otherwise. */
  fill(): Promise<boolean> {
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined;
    });
    return this.#filling;
  }

  /** Gives the room up; false if there is none to give. */
  async spend(): Promise<boolean> {
    if (this.#filling !== undefined) {
      // It may be what has taken the last room. If it has to stop, it gives that back.
      await this.#filling.catch(() => {});
      if (!this.#isKept) return true;
    }
    if (!this.#isKept) return false;
    this.#isKept = false;
    await this.#fs.remove(join(this.#dir, reserveName));
    return true;
  }

  async #fill(): Promise<boolean> {
    if (this.#isKept || this.#bytes === 0) return true;
    const path = join(this.#dir, reserveName);
    if ((await this.#fs.list(this.#dir)).includes(reserveName)) {
      this.#isKept = (await this.#sizeOf(path)) === this.#bytes;
      if (this.#isKept) return true;
      // It was being written when the power went, or another size was asked for.
      await this.#fs.remove(path);
    }
    this.#isKept = await this.#write(path);
    return this.#isKept;
  }

  async #sizeOf(path: string): Promise<number> {
    const file = await this.#fs.open(path);
    try {
      return await file.size();
    } finally {
      await file.close();
    }
  }

  async #write(path: string): Promise<boolean> {
    try {
      const file = await this.#fs.create(path);
      try {
        for (let at = 0; at < this.#bytes; at += chunk.length) {
          await file.write(at, chunk.subarray(0, Math.min(chunk.length, this.#bytes - at)));
        }
        await file.sync();
        return true;
      } finally {
        await file.close();
      }
    } catch (error) {
      if (!(outOfRoom(error) instanceof OutOfRoom)) throw error;
      await this.#fs.remove(path).catch(() => {});
      return false;
    }
  }
}
