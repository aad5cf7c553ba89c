import type { Bytes } from '../../core/bytes.js';
import { writeGrpcPrefix } from '../../wire/grpc-frame.js';
import { ResetCode, type ResponseHeaders, type ServerStream } from '../http2/server-stream.js';
import type { CallEnvironment } from './call.js';
import { statusTrailers } from './status.js';

const responseHeaders: ResponseHeaders = { 'content-type': 'application/grpc' };

/** A caller that leaves this much unread is not read from either, and its handler is told to wait. */
const fullAtUnsentBytes = 1024 * 1024;

/** Whose answers they are. */
export interface OutputOwner {
  onBackpressure(isFull: boolean): void;
}

/** What a call answers: headers before the first message, trailers after the last, and bounds on what is unread. */
export class CallOutput {
  readonly #stream: ServerStream;
  readonly #environment: CallEnvironment;
  readonly #owner: OutputOwner;
  #hasResponded = false;
  #isFull = false;
  #countedBytes = 0;

  constructor(stream: ServerStream, environment: CallEnvironment, owner: OutputOwner) {
    this.#stream = stream;
    this.#environment = environment;
    this.#owner = owner;
  }

  /** Whether anything written can still reach the caller. */
  get isOpen(): boolean {
    return this.#stream.isOpen;
  }

  /** False: too much is unread already, on this stream or its connection, and nothing was written. */
  send(message: Bytes): boolean {
    if (!this.#hasRoom(message.length)) return false;
    const stream = this.#stream;
    this.#respond();
    this.#write(message);
    if (!this.#isFull && stream.unsentBytes > fullAtUnsentBytes) {
      this.#isFull = true;
      stream.pause();
      this.#owner.onBackpressure(true);
    }
    return true;
  }

  /** The one message of a unary call that went well. False as for `send`. */
  sendLast(message: Bytes): boolean {
    if (!this.#hasRoom(message.length)) return false;
    this.#respond();
    this.#write(message);
    this.#stream.end(statusTrailers(undefined));
    this.#stream.stopPeer();
    return true;
  }

  end(trailers: ResponseHeaders): void {
    if (this.#hasResponded) this.#stream.end(trailers);
    else this.#stream.respond(200, { ...responseHeaders, ...trailers }, true);
    this.#hasResponded = true;
    this.#stream.stopPeer();
  }

  /** A status would wait behind what the caller does not read; gRPC reads this reset as RESOURCE_EXHAUSTED. */
  reset(): void {
    this.#stream.reset(ResetCode.calm);
  }

  /** What was unsent has been taken. */
  onDrain(): void {
    if (!this.isOpen) return;
    this.#count(this.#stream.unsentBytes);
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#stream.resume();
    this.#owner.onBackpressure(false);
  }

  /** The stream is gone, and what it held with it. */
  release(): void {
    this.#environment.unsentBytes.add(-this.#countedBytes);
    this.#countedBytes = 0;
  }

  #hasRoom(size: number): boolean {
    const waiting = this.#stream.unsentBytes;
    if (waiting > this.#environment.limits.maxUnsentBytes) return false;
    return this.#count(waiting + size);
  }

  #count(bytes: number): boolean {
    const added = bytes - this.#countedBytes;
    this.#countedBytes = bytes;
    return this.#environment.unsentBytes.add(added);
  }

  #write(message: Bytes): void {
    const { prefix } = this.#environment;
    writeGrpcPrefix(prefix, message.length);
    this.#stream.write(message, prefix);
  }

  #respond(): void {
    if (this.#hasResponded) return;
    this.#hasResponded = true;
    this.#stream.respond(200, responseHeaders);
  }
}
