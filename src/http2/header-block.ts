import { Http2Error } from './http2-error.js';
import { Code, Flag } from './protocol.js';

/** More pieces than this are an attack (CVE-2024-27316): nobody needs them for a list that is not too long. */
const maxPieces = 128;

/** A header block under way: HEADERS and the CONTINUATION frames behind it (RFC 9113, 4.3). */
export class HeaderBlock {
  readonly stream: number;
  /** END_STREAM of the HEADERS frame. */
  readonly endsStream: boolean;
  readonly #maxBytes: number;
  readonly #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(stream: number, flags: number, maxBytes: number) {
    this.stream = stream;
    this.endsStream = (flags & Flag.endStream) !== 0;
    this.#maxBytes = maxBytes;
  }

  /** @throws Http2Error ENHANCE_YOUR_CALM for a block that has no end. */
  add(piece: Buffer): void {
    this.#bytes += piece.length;
    if (this.#pieces.push(piece) > maxPieces || this.#bytes > this.#maxBytes) {
      throw new Http2Error(
        Code.calm,
        `a header block of more than ${this.#bytes} bytes in ${this.#pieces.length} pieces`,
      );
    }
  }

  whole(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}
