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
   * Calls `onFrame` for every frame that `chunk` completes. What that throws ends it.
   * @throws Http2Error FRAME_SIZE_ERROR for a frame longer than allowed; the connection is then of no more use.
   */
  push(chunk: Buffer): void {
    let at = this.#heldBytes === 0 ? 0 : this.#complete(chunk);
    // Bounded: each turn takes a frame of the chunk.
    while (chunk.length - at >= frameHeadBytes) {
      const end = at + this.#sizeAt(chunk, at);
      if (end > chunk.length) break;
      this.#emit(chunk, at, end);
      at = end;
    }
    if (at < chunk.length) this.#hold(chunk, at);
  }

  /** Adds to the frame under way; returns how much of `chunk` that took. */
  #complete(chunk: Buffer): number {
    let at = 0;
    if (this.#heldBytes < frameHeadBytes) {
      at = this.#add(chunk, 0, frameHeadBytes);
      if (this.#heldBytes < frameHeadBytes) return at;
      this.#widen();
    }
    at += this.#add(chunk, at, this.#held.length);
    if (this.#heldBytes < this.#held.length) return at;
    const frame = this.#held;
    this.#held = nothing;
    this.#heldBytes = 0;
    this.#emit(frame, 0, frame.length);
    return at;
  }

  #hold(chunk: Buffer, at: number): void {
    this.#held = Buffer.allocUnsafe(frameHeadBytes);
    const taken = this.#add(chunk, at, frameHeadBytes);
    if (this.#heldBytes < frameHeadBytes) return;
    this.#widen();
    this.#add(chunk, at + taken, this.#held.length);
  }

  /** The head is there, and with it the size of the rest. */
  #widen(): void {
    const frame = Buffer.allocUnsafe(this.#sizeAt(this.#held, 0));
    this.#held.copy(frame, 0, 0, frameHeadBytes);
    this.#held = frame;
  }

  #add(chunk: Buffer, at: number, wanted: number): number {
    const taken = chunk.copy(this.#held, this.#heldBytes, at, at + wanted - this.#heldBytes);
    this.#heldBytes += taken;
    return taken;
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
