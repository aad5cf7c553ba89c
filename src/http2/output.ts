import { Code, Flag, FrameType, frameHeadBytes } from './protocol.js';

/** What a connection keeps at hand for its next frames. */
const keptBytes = 16_384;

/** What waits is moved together, into one chunk, up to this. */
const chunkBytes = 65_536;

const nothing = Buffer.alloc(0);

/**
 * Frames that wait for the next write, one behind the other in one buffer: what was written in one turn leaves in one
 * piece, which costs less than copying it does. Only above 64 KiB there are several.
 */
export class Output {
  #slab: Buffer = nothing;
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
    if (this.#slab.length > keptBytes) this.#renew(nothing);
    return chunks;
  }

  /** A frame whose payload is `payload[from, to)`, which is copied. */
  frame(type: number, flags: number, stream: number, payload: Uint8Array, from = 0, to = payload.length): void {
    const size = to - from;
    this.#head(type, flags, stream, size);
    const isWhole = from === 0 && to === payload.length;
    this.#slab.set(isWhole ? payload : payload.subarray(from, to), this.#at);
    this.#at += size;
    this.#bytes += size;
  }

  /** DATA of a few bytes, `lead`, and `payload` behind them. */
  data(flags: number, stream: number, lead: Uint8Array, payload: Uint8Array): void {
    const size = lead.length + payload.length;
    this.#head(FrameType.data, flags, stream, size);
    for (let i = 0; i < lead.length; i++) this.#slab[this.#at + i] = lead[i] as number;
    this.#slab.set(payload, this.#at + lead.length);
    this.#at += size;
    this.#bytes += size;
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#slab.set(bytes, this.#at);
    this.#at += bytes.length;
    this.#bytes += bytes.length;
  }

  reset(stream: number, code: number): void {
    this.#head(FrameType.reset, Flag.none, stream, 4);
    this.#uint32(code);
  }

  windowUpdate(stream: number, bytes: number): void {
    this.#head(FrameType.windowUpdate, Flag.none, stream, 4);
    this.#uint32(bytes);
  }

  settingsAck(): void {
    this.#head(FrameType.settings, Flag.ack, 0, 0);
  }

  settings(pairs: readonly (readonly [id: number, value: number])[]): void {
    const size = 6 * pairs.length;
    this.#head(FrameType.settings, Flag.none, 0, size);
    for (const [id, value] of pairs) {
      this.#slab[this.#at++] = id >>> 8;
      this.#slab[this.#at++] = id & 0xff;
      this.#bytes += 2;
      this.#uint32(value);
    }
  }

  goAway(lastStream: number, code: number, text = ''): void {
    const debug = Buffer.from(code === Code.none ? '' : text.slice(0, 200), 'latin1');
    this.#head(FrameType.goAway, Flag.none, 0, 8 + debug.length);
    this.#uint32(lastStream);
    this.#uint32(code);
    this.#slab.set(debug, this.#at);
    this.#at += debug.length;
    this.#bytes += debug.length;
  }

  /** The head of a frame, with room behind it for the rest. */
  #head(type: number, flags: number, stream: number, length: number): void {
    this.#reserve(frameHeadBytes + length);
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
    const waiting = this.#at - this.#start;
    if (waiting + size <= chunkBytes) {
      const larger = Buffer.allocUnsafe(Math.max(keptBytes, Math.min(chunkBytes, 2 * (waiting + size))));
      this.#slab.copy(larger, 0, this.#start, this.#at);
      this.#renew(larger, waiting);
    } else {
      this.#cut();
      this.#renew(Buffer.allocUnsafe(Math.max(chunkBytes, size)));
    }
  }

  #renew(slab: Buffer, waiting = 0): void {
    this.#slab = slab;
    this.#start = 0;
    this.#at = waiting;
  }

  /** What is in the slab becomes a chunk; what is written next comes behind it. */
  #cut(): void {
    if (this.#at === this.#start) return;
    this.#chunks.push(this.#slab.subarray(this.#start, this.#at));
    this.#start = this.#at;
  }
}
