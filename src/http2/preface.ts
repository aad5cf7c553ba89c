import { Http2Error } from './http2-error.js';
import { Code, preface } from './protocol.js';

const nothing = Buffer.alloc(0);

/** Takes a client's first bytes away, which are always the same. */
export class PrefaceReader {
  #seen = 0;

  /** What of `chunk` comes behind them. @throws Http2Error PROTOCOL_ERROR as soon as they are others. */
  pass(chunk: Buffer): Buffer {
    if (this.#seen === preface.length) return chunk;
    const size = Math.min(preface.length - this.#seen, chunk.length);
    if (chunk.toString('latin1', 0, size) !== preface.slice(this.#seen, this.#seen + size)) {
      throw new Http2Error(Code.protocol, 'no preface of HTTP/2');
    }
    this.#seen += size;
    return size === chunk.length ? nothing : chunk.subarray(size);
  }
}
