import type { IncomingHttpHeaders } from 'node:http2';
import type { Bytes } from '../../core/bytes.js';
import type { Field } from '../../http2/hpack/field.js';
import { Code } from '../../http2/protocol.js';
import type { Stream, StreamListener as WireListener } from '../../http2/stream.js';
import type { ConnectionFacts, ResponseHeaders, ServerStream, StreamListener } from '../http2/server-stream.js';
import { areTrailers, type RequestHeads } from './request-head.js';
import type { ResponseFields } from './response-fields.js';

/** What a stream needs of its connection. */
export interface StreamOwner extends ConnectionFacts {
  readonly heads: RequestHeads;
  readonly responses: ResponseFields;
  /** The stream's head has come, and is in order. */
  onHead(stream: H2Stream): void;
  /** It is to be reset without an error in a moment, unless the peer has ended it by then. */
  stopLater(stream: H2Stream): void;
  /** More bytes are held for streams that do not read, or fewer. */
  onHeld(bytes: number): void;
  /** Bytes came that are of no use. */
  onIdle(): void;
  /** Reset by the peer, or for what it did. */
  onReset(): void;
  onClose(): void;
}

const noHeaders: IncomingHttpHeaders = {};
const noBytes = Buffer.alloc(0);

/** One request and its answer: what comes while nobody listens is held, as much as the window has room for. */
export class H2Stream implements ServerStream, WireListener {
  headers = noHeaders;
  readonly #owner: StreamOwner;
  readonly #stream: Stream;
  #listener: StreamListener | undefined;
  /** Came while nobody listened. */
  #held: Buffer[] | undefined;
  #isReading = false;
  /** All of the request is there, or told. */
  #hasInputEnd = false;
  #isPaused = false;
  /** What `content-length` says is still to come. */
  #expectedBytes = Number.NaN;
  #hasEnded = false;
  #isStopped = false;
  #isClosed = false;

  constructor(owner: StreamOwner, stream: Stream) {
    this.#owner = owner;
    this.#stream = stream;
  }

  get connection(): ConnectionFacts {
    return this.#owner;
  }

  get isOpen(): boolean {
    return !this.#hasEnded && !this.#isClosed;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get unsentBytes(): number {
    return this.#stream.unsentBytes;
  }

  listen(listener: StreamListener): void {
    this.#listener = listener;
    this.#readHeld();
  }

  pause(): void {
    this.#isPaused = true;
    this.#stream.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#readHeld();
  }

  respond(status: number, headers: ResponseHeaders, isLast = false): void {
    if (!this.isOpen) return;
    this.#hasEnded = isLast;
    this.#stream.headers(this.#owner.responses.head(status, headers), isLast);
    if (isLast) this.#onEnded();
  }

  write(bytes: Bytes, lead?: Bytes): boolean {
    if (!this.isOpen) return true;
    if (bytes.length > 0 || lead !== undefined) this.#stream.data(bytes, false, lead);
    return this.#stream.unsentBytes === 0;
  }

  end(trailers?: ResponseHeaders): void {
    if (!this.isOpen) return;
    this.#hasEnded = true;
    if (trailers === undefined) this.#stream.data(noBytes, true);
    else this.#stream.headers(this.#owner.responses.trailers(trailers), true);
    this.#onEnded();
  }

  stopPeer(): void {
    if (this.#isStopped || this.#isClosed) return;
    this.#isStopped = true;
    if (this.#stream.hasEnded) this.#owner.stopLater(this);
  }

  reset(code: number): void {
    if (this.#isClosed) return;
    this.#stream.reset(code);
    this.#close();
  }

  /** Of the connection, as all below. */
  onHeaders(fields: readonly Field[], last: boolean): void {
    if (this.headers !== noHeaders) {
      // Only the end may have a second head (RFC 9113, 8.1).
      if (!last || !areTrailers(fields)) this.#fail(Code.protocol);
      else this.#onInput(noBytes, true);
      return;
    }
    const headers = this.#owner.heads.read(fields);
    if (headers === undefined) {
      this.#fail(Code.protocol);
      return;
    }
    this.headers = headers;
    const length = headers['content-length'];
    if (length !== undefined) this.#expectedBytes = Number(length);
    this.#owner.onHead(this);
    if (last) this.#onInput(noBytes, true);
  }

  onData(bytes: Buffer, start: number, end: number, last: boolean): void {
    if (start === end && !last) this.#owner.onIdle();
    else this.#onInput(bytes.subarray(start, end), last);
  }

  onReset(): void {
    this.#owner.onReset();
    this.#close();
  }

  onLost(): void {
    this.#close();
  }

  onDrain(): void {
    if (this.#isClosed) return;
    if (this.#hasEnded) this.#onEnded();
    else this.#listener?.onDrain();
  }

  #onInput(bytes: Buffer, last: boolean): void {
    if (this.#isClosed) return;
    if (this.#isOtherThanSaid(bytes.length, last)) {
      this.#fail(Code.protocol);
      return;
    }
    this.#hasInputEnd = last;
    // Behind our own end nobody listens.
    if (!this.#hasEnded) this.#take(bytes, last);
    // The connection closes what has ended both ways, once it has told of the last byte.
    if (last && this.#stream.hasEnded) this.#close();
  }

  /** As RFC 9113, 8.1.1: the sum of all DATA is what `content-length` says. */
  #isOtherThanSaid(bytes: number, last: boolean): boolean {
    if (Number.isNaN(this.#expectedBytes)) return false;
    this.#expectedBytes -= bytes;
    return this.#expectedBytes < 0 || (last && this.#expectedBytes > 0);
  }

  #take(bytes: Buffer, last: boolean): void {
    if (!this.#isPaused && this.#listener !== undefined && this.#held === undefined) {
      this.#tell(this.#listener, bytes, last);
      return;
    }
    this.#stream.pause();
    this.#held ??= [];
    this.#held.push(bytes);
    this.#owner.onHeld(bytes.length);
  }

  #tell(listener: StreamListener, bytes: Buffer, last: boolean): void {
    if (bytes.length > 0 && this.isOpen) listener.onData(bytes);
    if (last && this.isOpen) listener.onEnd();
  }

  /** The listener may pause, resume or end the stream while it is told. */
  #readHeld(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    // Bounded: each turn takes a piece away; others come only when the connection is read again.
    while (this.#held !== undefined && this.#listener !== undefined && !this.#isPaused) {
      const piece = this.#held.shift() ?? noBytes;
      const isLast = this.#held.length === 0;
      if (isLast) this.#held = undefined;
      this.#owner.onHeld(-piece.length);
      this.#tell(this.#listener, piece, isLast && this.#hasInputEnd);
    }
    this.#isReading = false;
    if (!this.#isPaused && !this.#isClosed) this.#stream.resume();
  }

  /** END_STREAM was asked for; it may have to wait. What comes from now on is for nobody. */
  #onEnded(): void {
    if (this.#stream.isClosed) this.#close();
    else if (this.#isStopped && this.#stream.hasEnded) this.#owner.stopLater(this);
    else this.resume();
  }

  /** The peer broke a rule. */
  #fail(code: number): void {
    this.#owner.onReset();
    this.reset(code);
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#held !== undefined) for (const { length } of this.#held) this.#owner.onHeld(-length);
    this.#held = undefined;
    this.#owner.onClose();
    this.#listener?.onClose();
  }
}
