import { Http2Error } from './http2-error.js';
import { Code, preface } from './protocol.js';

/** Takes a client's first bytes away, which are always the same. */
export class PrefaceReader {
  #seen = 0;

  /**
   * Where in `bytes[start, end)` they end. @throws Http2Error PROTOCOL_ERROR as soon as they are others.
   */
  pass(bytes: Buffer, start: number, end: number): number {
    const size = Math.min(preface.length - this.#seen, end - start);
    if (size === 0) return start;
    if (bytes.toString('latin1', start, start + size) !== preface.slice(this.#seen, this.#seen + size)) {
      throw new Http2Error(Code.protocol, 'no preface of HTTP/2');
    }
    this.#seen += size;
    return start + size;
  }
}
