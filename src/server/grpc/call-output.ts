import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Bytes } from '../../core/bytes.js';
import type { CallEnvironment } from './call.js';
import { grpcFrame } from './frame.js';
import { statusTrailers } from './status.js';

const responseHeaders: OutgoingHttpHeaders = { ':status': 200, 'content-type': 'application/grpc' };
const withTrailers = { waitForTrailers: true };

/** A caller that leaves this much unread is not read from either, and its handler is told to wait. */
const fullAtUnsentBytes = 1024 * 1024;

/** Whose answers they are. */
export interface OutputOwner {
  onBackpressure(isFull: boolean): void;
}

/** What a call answers: headers before the first message, trailers after the last, and bounds on what is unread. */
export class CallOutput {
  readonly #stream: ServerHttp2Stream;
  readonly #environment: CallEnvironment;
  readonly #owner: OutputOwner;
  #hasResponded = false;
  #isFull = false;
  #awaitsDrain = false;
  #countedBytes = 0;
  #trailers: OutgoingHttpHeaders | undefined;

  constructor(stream: ServerHttp2Stream, environment: CallEnvironment, owner: OutputOwner) {
    this.#stream = stream;
    this.#environment = environment;
    this.#owner = owner;
  }

  /** Whether anything written can still reach the caller; Node tells of the end of a stream a turn later. */
  get isOpen(): boolean {
    return !this.#stream.closed && !this.#stream.destroyed;
  }

  /** False: too much is unread already, on this stream or its connection, and nothing was written. */
  send(message: Bytes): boolean {
    const stream = this.#stream;
    if (!this.#hasRoom(message.length)) return false;
    this.#respond();
    const isFlushed = stream.write(grpcFrame(message));
    if (!isFlushed && !this.#awaitsDrain) {
      this.#awaitsDrain = true;
      stream.once('drain', () => this.#onDrain());
    }
    if (!this.#isFull && stream.writableLength > fullAtUnsentBytes) {
      this.#isFull = true;
      stream.pause();
      this.#owner.onBackpressure(true);
    }
    return true;
  }

  /** The one message of a unary call that went well. False as for `send`. */
  sendLast(message: Bytes): boolean {
    if (!this.#hasRoom(message.length)) return false;
    this.#trailers = statusTrailers(undefined);
    this.#respond();
    this.#stream.end(grpcFrame(message));
    return true;
  }

  end(trailers: OutgoingHttpHeaders): void {
    this.#trailers = trailers;
    if (this.#hasResponded) {
      this.#stream.end();
    } else {
      this.#hasResponded = true;
      this.#stream.respond({ ...responseHeaders, ...trailers }, { endStream: true });
      this.#stopPeer();
    }
  }

  /** A status would wait behind what the caller does not read; gRPC reads this reset as RESOURCE_EXHAUSTED. */
  reset(): void {
    this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  /** The stream is gone, and what it held with it. */
  release(): void {
    this.#environment.unsentBytes.add(-this.#countedBytes);
    this.#countedBytes = 0;
  }

  #hasRoom(size: number): boolean {
    const waiting = this.#stream.writableLength;
    if (waiting > this.#environment.limits.maxUnsentBytes) return false;
    return this.#count(waiting + size);
  }

  #count(bytes: number): boolean {
    const added = bytes - this.#countedBytes;
    this.#countedBytes = bytes;
    return this.#environment.unsentBytes.add(added);
  }

  #onDrain(): void {
    this.#awaitsDrain = false;
    if (!this.isOpen) return;
    this.#count(this.#stream.writableLength);
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#stream.resume();
    this.#owner.onBackpressure(false);
  }

  #respond(): void {
    if (this.#hasResponded) return;
    this.#hasResponded = true;
    this.#stream.respond(responseHeaders, withTrailers);
    this.#stream.on('wantTrailers', () => {
      if (this.#trailers === undefined || !this.isOpen) return;
      this.#stream.sendTrailers(this.#trailers);
      this.#stopPeer();
    });
  }

  /**
   * What a caller sends after the status is of no use: a reset without error stops it (RFC 9113, 8.1). One turn later,
   * since a reset made while the trailers are being written overtakes them.
   */
  #stopPeer(): void {
    const stream = this.#stream;
    if (stream.readableEnded) return;
    stream.resume();
    setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
  }
}
