import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Bytes } from '../../core/bytes.js';
import type { ConnectionFacts, ResponseHeaders, ServerStream, StreamListener } from '../http2/server-stream.js';

const withTrailers = { waitForTrailers: true };
/** A stream that fails also closes, and that is what is listened to. */
const ignoreError = () => {};

export class NodeStream implements ServerStream {
  readonly headers: IncomingHttpHeaders;
  readonly connection: ConnectionFacts;
  readonly #stream: ServerHttp2Stream;
  #trailers: ResponseHeaders | undefined;
  #hasEnded = false;
  #isStopped = false;
  #isThrough = false;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, connection: ConnectionFacts) {
    this.headers = headers;
    this.connection = connection;
    this.#stream = stream;
    stream.on('error', ignoreError);
  }

  /** Node tells of the end of a stream a turn later. */
  get isOpen(): boolean {
    return !this.#hasEnded && !this.isClosed;
  }

  get isClosed(): boolean {
    return this.#stream.closed || this.#stream.destroyed;
  }

  get unsentBytes(): number {
    return this.#stream.writableLength;
  }

  listen(listener: StreamListener): void {
    const stream = this.#stream;
    stream.on('close', () => listener.onClose());
    stream.on('drain', () => listener.onDrain());
    stream.on('data', (chunk: Buffer) => listener.onData(chunk));
    // Node ends the readable side for a reset too; that is heard as 'close'.
    stream.on('end', () => {
      if (!stream.closed) listener.onEnd();
    });
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  respond(status: number, headers: ResponseHeaders, isLast = false): void {
    if (!this.isOpen) return;
    const head = { ':status': status, ...(headers as Record<string, string>) };
    if (!isLast) {
      this.#stream.respond(head, withTrailers);
      this.#stream.once('wantTrailers', () => this.#sendTrailers());
      return;
    }
    this.#hasEnded = true;
    this.#stream.respond(head, { endStream: true });
    this.#onThrough();
  }

  write(bytes: Bytes, lead?: Bytes): boolean {
    if (!this.isOpen) return true;
    return this.#stream.write(lead === undefined ? bytes : Buffer.concat([lead, bytes]));
  }

  end(trailers?: ResponseHeaders): void {
    if (!this.isOpen) return;
    this.#hasEnded = true;
    this.#trailers = trailers;
    this.#stream.end();
  }

  stopPeer(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    if (this.#isThrough) this.#stop();
  }

  reset(code: number): void {
    this.#stream.close(code);
  }

  #sendTrailers(): void {
    if (this.isClosed) return;
    this.#stream.sendTrailers((this.#trailers ?? {}) as Record<string, string>);
    this.#onThrough();
  }

  /** What comes now is for nobody. */
  #onThrough(): void {
    this.#isThrough = true;
    this.#stream.resume();
    if (this.#isStopped) this.#stop();
  }

  /** One turn later, since a reset made while the trailers are being written overtakes them. */
  #stop(): void {
    const stream = this.#stream;
    if (!stream.readableEnded) setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
  }
}
