import { Http2Error } from './http2-error.js';
import { Code, defaultFrameBytes, frameHeadBytes, largestStreamId } from './protocol.js';

/** Takes one frame, whose payload is `bytes[start, end)`: a view that nobody changes later. */
export type OnFrame = (type: number, flags: number, stream: number, bytes: Buffer, start: number, end: number) => void;

const nothing = Buffer.alloc(0);

/**
 * Cuts a stream of bytes into HTTP/2 frames, wherever it was split on its way. A frame that came in one piece is not
 * copied; of another at most one frame's bytes are held.
 */
export class FrameReader {
  readonly #onFrame: OnFrame;
  readonly #maxFrameBytes: number;
  /** Of the frame under way: its head, and when that is there all of it. */
  #held: Buffer = nothing;
  #heldBytes = 0;

  /** `maxFrameBytes`: of a payload, as announced to the peer. */
  constructor(onFrame: OnFrame, maxFrameBytes = defaultFrameBytes) {
    this.#onFrame = onFrame;
    this.#maxFrameBytes = maxFrameBytes;
  }

  /**
   * Calls `onFrame` for every frame that is complete with `bytes[start, end)`, which nobody changes later. What
   * that throws ends it.
   * @throws Http2Error FRAME_SIZE_ERROR for a frame longer than allowed; the connection is then of no more use.
   */
  push(bytes: Buffer, start = 0, end = bytes.length): void {
    let at = this.#heldBytes === 0 ? start : this.#complete(bytes, start, end);
    // Bounded: each turn takes a frame away.
    while (end - at >= frameHeadBytes) {
      const next = at + this.#sizeAt(bytes, at);
      if (next > end) break;
      this.#emit(bytes, at, next);
      at = next;
    }
    if (at < end) this.#hold(bytes, at, end);
  }

  /** Adds to the frame under way; returns where what that took ends. */
  #complete(bytes: Buffer, start: number, end: number): number {
    let at = start;
    if (this.#heldBytes < frameHeadBytes) {
      at = this.#add(bytes, at, end, frameHeadBytes);
      if (this.#heldBytes < frameHeadBytes) return at;
      this.#widen();
    }
    at = this.#add(bytes, at, end, this.#held.length);
    if (this.#heldBytes < this.#held.length) return at;
    const frame = this.#held;
    this.#held = nothing;
    this.#heldBytes = 0;
    this.#emit(frame, 0, frame.length);
    return at;
  }

  #hold(bytes: Buffer, start: number, end: number): void {
    this.#held = Buffer.allocUnsafe(frameHeadBytes);
    const at = this.#add(bytes, start, end, frameHeadBytes);
    if (this.#heldBytes < frameHeadBytes) return;
    this.#widen();
    this.#add(bytes, at, end, this.#held.length);
  }

  /** The head is there, and with it the size of the rest. */
  #widen(): void {
    const frame = Buffer.allocUnsafe(this.#sizeAt(this.#held, 0));
    this.#held.copy(frame, 0, 0, frameHeadBytes);
    this.#held = frame;
  }

  /** Until `wanted` are held; returns where what it took ends. */
  #add(bytes: Buffer, at: number, end: number, wanted: number): number {
    const upTo = Math.min(end, at + wanted - this.#heldBytes);
    this.#heldBytes += bytes.copy(this.#held, this.#heldBytes, at, upTo);
    return upTo;
  }

  #sizeAt(bytes: Buffer, at: number): number {
    const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    if (length > this.#maxFrameBytes) {
      throw new Http2Error(Code.frameSize, `a frame of ${length} bytes, at most ${this.#maxFrameBytes}`);
    }
    return frameHeadBytes + length;
  }

  #emit(bytes: Buffer, at: number, end: number): void {
    const stream = uint32At(bytes, at + 5) & largestStreamId;
    this.#onFrame(bytes[at + 3] as number, bytes[at + 4] as number, stream, bytes, at + frameHeadBytes, end);
  }
}

/** Big-endian. By hand: Node's own checks cost more than the rest of a frame. */
export function uint32At(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}
