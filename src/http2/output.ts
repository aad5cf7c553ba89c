import { Code, Flag, FrameType, frameHeadBytes } from './protocol.js';

/** Small frames are written one behind the other into buffers of this size. */
const slabBytes = 16_384;

/** A payload above this is handed on as it is: copying it would cost more than a chunk of its own. */
const copiedBytesMax = 4_096;

/**
 * Frames that wait for the next write. Small ones share a buffer, so that what was written in one turn leaves in one
 * piece; payloads of more than 4 KiB are not copied, and must not change until they have left.
 */
export class Output {
  #slab: Buffer = Buffer.allocUnsafe(slabBytes);
  /** Where what has not been taken begins in the slab, and where it ends. */
  #start = 0;
  #at = 0;
  /** Before what is in the slab. */
  #chunks: Buffer[] = [];
  #bytes = 0;

  /** How many wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What waits, in order; it waits no more. */
  take(): readonly Buffer[] {
    this.#cut();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#bytes = 0;
    return chunks;
  }

  /** A frame whose payload is `payload[from, to)`. */
  frame(type: number, flags: number, stream: number, payload: Uint8Array, from = 0, to = payload.length): void {
    const size = to - from;
    if (size > copiedBytesMax) {
      this.#head(type, flags, stream, size, 0);
      this.#cut();
      this.#chunks.push(Buffer.from(payload.buffer, payload.byteOffset + from, size));
    } else {
      this.#head(type, flags, stream, size, size);
      const whole = from === 0 && to === payload.length;
      this.#slab.set(whole ? payload : payload.subarray(from, to), this.#at);
      this.#at += size;
    }
    this.#bytes += size;
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#slab.set(bytes, this.#at);
    this.#at += bytes.length;
    this.#bytes += bytes.length;
  }

  reset(stream: number, code: number): void {
    this.#head(FrameType.reset, Flag.none, stream, 4, 4);
    this.#uint32(code);
  }

  windowUpdate(stream: number, bytes: number): void {
    this.#head(FrameType.windowUpdate, Flag.none, stream, 4, 4);
    this.#uint32(bytes);
  }

  settingsAck(): void {
    this.#head(FrameType.settings, Flag.ack, 0, 0, 0);
  }

  settings(pairs: readonly (readonly [id: number, value: number])[]): void {
    const size = 6 * pairs.length;
    this.#head(FrameType.settings, Flag.none, 0, size, size);
    for (const [id, value] of pairs) {
      this.#slab[this.#at++] = id >>> 8;
      this.#slab[this.#at++] = id & 0xff;
      this.#bytes += 2;
      this.#uint32(value);
    }
  }

  goAway(lastStream: number, code: number, text = ''): void {
    const debug = Buffer.from(code === Code.none ? '' : text.slice(0, 200), 'latin1');
    this.#head(FrameType.goAway, Flag.none, 0, 8 + debug.length, 8 + debug.length);
    this.#uint32(lastStream);
    this.#uint32(code);
    this.#slab.set(debug, this.#at);
    this.#at += debug.length;
    this.#bytes += debug.length;
  }

  /** The head of a frame, with room behind it for `room` bytes more. */
  #head(type: number, flags: number, stream: number, length: number, room: number): void {
    this.#reserve(frameHeadBytes + room);
    const slab = this.#slab;
    const at = this.#at;
    slab[at] = length >>> 16;
    slab[at + 1] = length >>> 8;
    slab[at + 2] = length;
    slab[at + 3] = type;
    slab[at + 4] = flags;
    slab[at + 5] = stream >>> 24;
    slab[at + 6] = stream >>> 16;
    slab[at + 7] = stream >>> 8;
    slab[at + 8] = stream;
    this.#at = at + frameHeadBytes;
    this.#bytes += frameHeadBytes;
  }

  #uint32(value: number): void {
    const slab = this.#slab;
    slab[this.#at] = value >>> 24;
    slab[this.#at + 1] = value >>> 16;
    slab[this.#at + 2] = value >>> 8;
    slab[this.#at + 3] = value;
    this.#at += 4;
    this.#bytes += 4;
  }

  #reserve(size: number): void {
    if (this.#slab.length - this.#at >= size) return;
    this.#cut();
    this.#slab = Buffer.allocUnsafe(Math.max(slabBytes, size));
    this.#start = 0;
    this.#at = 0;
  }

  /** What is in the slab becomes a chunk; what is written next comes behind it. */
  #cut(): void {
    if (this.#at === this.#start) return;
    this.#chunks.push(this.#slab.subarray(this.#start, this.#at));
    this.#start = this.#at;
  }
}
