import { type Bytes, noBytes } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { prefixSize } from './grpc-frame.js';

const noBuffer = Buffer.alloc(0);

/**
 * Cuts a stream of bytes into gRPC messages, wherever it was split on its way. A message that came in one piece is a
 * view into that piece; only the rest is copied, into a buffer that grows with what has arrived: neither a length
 * prefix that lies nor a message sent byte by byte costs more memory than twice the bytes received.
 */
export class MessageReader {
  readonly #maxMessageBytes: number;
  #partial = noBuffer;
  #held = 0;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Bytes of a message that has begun and is not complete. */
  get heldBytes(): number {
    return this.#held;
  }

  /**
   * Calls `onMessage` for every message that `chunk` completes. Throws `RESOURCE_EXHAUSTED` for a message longer than
   * allowed, `UNSUPPORTED` for a compressed one and `INTERNAL` for unknown flags; the stream is then of no more use.
   */
  push(chunk: Bytes, onMessage: (message: Bytes) => void): void {
    let at = 0;
    // Bounded: each turn takes at least one byte of the chunk.
    while (at < chunk.length) {
      const whole = this.#held === 0 ? this.#wholeFrameSize(chunk, at) : 0;
      if (whole > 0) {
        onMessage(chunk.subarray(at + prefixSize, at + whole));
        at += whole;
      } else {
        at += this.#hold(chunk, at, onMessage);
      }
    }
  }

  /** Forgets what it holds. */
  clear(): void {
    this.#partial = noBuffer;
    this.#held = 0;
  }

  /** Size of the frame at `at` with its prefix, or 0 if not all of it is in `chunk`. */
  #wholeFrameSize(chunk: Bytes, at: number): number {
    if (chunk.length - at < prefixSize) return 0;
    const size = this.#frameSize(chunk, at);
    return chunk.length - at < size ? 0 : size;
  }

  /** Takes what the frame under way lacks, as far as `chunk` has it; returns how many bytes that was. */
  #hold(chunk: Bytes, at: number, onMessage: (message: Bytes) => void): number {
    const wanted = this.#held < prefixSize ? prefixSize : this.#frameSize(this.#partial, 0);
    const taken = Math.min(wanted - this.#held, chunk.length - at);
    this.#append(chunk.subarray(at, at + taken), wanted);
    if (this.#held >= prefixSize && this.#held === this.#frameSize(this.#partial, 0)) {
      const message = this.#held === prefixSize ? noBytes : this.#partial.subarray(prefixSize, this.#held);
      this.clear();
      onMessage(message);
    }
    return taken;
  }

  #append(bytes: Bytes, wanted: number): void {
    const needed = this.#held + bytes.length;
    if (needed > this.#partial.length) {
      const larger = Buffer.allocUnsafe(Math.min(Math.max(needed, 2 * this.#partial.length), wanted));
      this.#partial.copy(larger, 0, 0, this.#held);
      this.#partial = larger;
    }
    this.#partial.set(bytes, this.#held);
    this.#held = needed;
  }

  #frameSize(bytes: Bytes, at: number): number {
    const flags = bytes[at] as number;
    if (flags > 1) throw new ConclaveError('INTERNAL', `grpc: received unexpected payload format ${flags}`);
    const length =
      (bytes[at + 1] as number) * 0x1000000 +
      ((bytes[at + 2] as number) << 16) +
      ((bytes[at + 3] as number) << 8) +
      (bytes[at + 4] as number);
    if (length > this.#maxMessageBytes) {
      const text = `grpc: received message larger than max (${length} vs. ${this.#maxMessageBytes})`;
      throw new ConclaveError('RESOURCE_EXHAUSTED', text);
    }
    if (flags === 1) throw new ConclaveError('UNSUPPORTED', 'grpc: compressed messages are not supported');
    return prefixSize + length;
  }
}
