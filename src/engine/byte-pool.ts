import type { Bytes } from '../core/bytes.js';

/** Whatever is left of a chunk keeps all of it in memory. */
const chunkBytes = 1_024;
/** Longer ones are alone. */
const maxPooledBytes = 128;

/**
 * Copies of small byte strings, several side by side in one buffer: a buffer of its own takes two hundred bytes more.
 * One that outlives its neighbours costs a chunk.
 */
export class BytePool {
  #chunk = new Uint8Array(0);
  #used = 0;

  copy(bytes: Bytes): Bytes {
    if (bytes.length > maxPooledBytes) return new Uint8Array(bytes);
    const end = this.#used + bytes.length;
    if (end > this.#chunk.length) return this.#startChunk(bytes);
    this.#chunk.set(bytes, this.#used);
    const copy = this.#chunk.subarray(this.#used, end);
    this.#used = end;
    return copy;
  }

  #startChunk(bytes: Bytes): Bytes {
    this.#chunk = new Uint8Array(chunkBytes);
    this.#used = 0;
    return this.copy(bytes);
  }
}
