import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Bytes } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import type { RpcContext } from '../../wire/rpc-service.js';
import { grpcFrame } from './frame.js';
import { FrameReader } from './frame-reader.js';
import { timeoutMsOf } from './grpc-timeout.js';
import type { ServerLimits } from './limits.js';
import { metadataOf } from './metadata.js';
import type { ByteQuota } from './quota.js';
import { statusTrailers } from './status.js';

/** What a call hears of its caller. */
export interface CallReceiver {
  onMessage(message: Bytes): void;
  onHalfClose(): void;
  onBackpressure(isFull: boolean): void;
  /** Called at most once, and never after the receiver itself has ended the call. */
  onCancel(): void;
}

export interface CallEnvironment {
  readonly runtime: Runtime;
  readonly limits: ServerLimits;
  /** Shared by the calls of one connection. */
  readonly partialBytes: ByteQuota;
}

const responseHeaders: OutgoingHttpHeaders = { ':status': 200, 'content-type': 'application/grpc' };
const noTimer = () => {};

/** A caller that leaves this much unread is not read from either, and its handler is told to wait. */
const fullAtUnsentBytes = 1024 * 1024;

/** One HTTP/2 stream as a gRPC call: messages, status, deadline, limits. It knows no method. */
export class GrpcCall implements RpcContext {
  readonly #stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;
  readonly #environment: CallEnvironment;
  readonly #reader: FrameReader;
  #receiver: CallReceiver | undefined;
  #isOver = false;
  #hasResponded = false;
  #isFull = false;
  #trailers: OutgoingHttpHeaders | undefined;
  #controller: AbortController | undefined;
  #countedBytes = 0;
  #stopDeadline = noTimer;
  #stopMessageTimer: (() => void) | undefined;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, environment: CallEnvironment) {
    this.#stream = stream;
    this.#headers = headers;
    this.#environment = environment;
    this.#reader = new FrameReader(environment.limits.maxMessageBytes);
  }

  get metadata(): Readonly<Record<string, string>> {
    return metadataOf(this.#headers);
  }

  /** Made when somebody asks: most calls are over before they could be cancelled. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#isOver) this.#controller.abort(cancelled());
    return this.#controller.signal;
  }

  /** Starts reading. A unary call's message must come in time; in a duplex call only one that has begun. */
  listen(receiver: CallReceiver, awaitsMessage: boolean): void {
    this.#receiver = receiver;
    this.#startDeadline();
    if (this.#isOver) return;
    if (awaitsMessage) this.#startMessageTimer();
    const stream = this.#stream;
    stream.on('data', (chunk: Buffer) => this.#onData(chunk));
    stream.on('end', () => this.#onHalfClose());
    stream.on('close', () => this.#onClose());
  }

  send(message: Bytes): void {
    if (this.#isOver) return;
    if (this.#stream.writableLength > this.#environment.limits.maxUnsentBytes) {
      this.#overflow();
      return;
    }
    this.#respond();
    this.#stream.write(grpcFrame(message));
    if (!this.#isFull && this.#stream.writableLength > fullAtUnsentBytes) this.#waitForDrain();
  }

  /** The one answer of a unary call. */
  sendLast(message: Bytes): void {
    if (this.#isOver) return;
    const max = this.#environment.limits.maxAnswerBytes;
    if (message.length > max) {
      const text = `grpc: trying to send message larger than max (${message.length} vs. ${max})`;
      this.#end(new ConclaveError('RESOURCE_EXHAUSTED', text));
      return;
    }
    this.#respond();
    this.#end(undefined, grpcFrame(message));
  }

  /** Ends the call by the receiver's own wish. */
  finish(error?: ConclaveError): void {
    if (!this.#isOver) this.#end(error);
  }

  /** Ends the call over the receiver's head: it hears `onCancel`. */
  abort(error: ConclaveError): void {
    if (this.#isOver) return;
    this.#end(error);
    this.#cancelReceiver();
  }

  #onData(chunk: Buffer): void {
    if (this.#isOver) return;
    try {
      this.#reader.push(chunk, (message) => this.#onMessage(message));
    } catch (error) {
      this.abort(ConclaveError.from(error));
    }
    if (this.#isOver) return;
    this.#countPartialBytes(this.#reader.heldBytes);
  }

  #countPartialBytes(heldBytes: number): void {
    const added = heldBytes - this.#countedBytes;
    this.#countedBytes = heldBytes;
    if (added !== 0 && !this.#environment.partialBytes.add(added)) this.abort(tooMuchUnderWay());
    else if (heldBytes > 0) this.#startMessageTimer();
  }

  #onMessage(message: Bytes): void {
    if (this.#isOver) return;
    this.#stopMessageTimer?.();
    this.#stopMessageTimer = undefined;
    this.#receiver?.onMessage(message);
  }

  #onHalfClose(): void {
    // Node ends the readable side for a reset too; that is heard as 'close'.
    if (this.#isOver || this.#stream.closed) return;
    if (this.#reader.heldBytes > 0) this.abort(new ConclaveError('INTERNAL', 'grpc: the last message is incomplete'));
    else this.#receiver?.onHalfClose();
  }

  /** The stream is gone: after our own end, a reset by the caller, or with its connection. */
  #onClose(): void {
    const wasOpen = !this.#isOver;
    this.#settle();
    if (wasOpen) this.#cancelReceiver();
  }

  #cancelReceiver(): void {
    this.#controller?.abort(cancelled());
    this.#receiver?.onCancel();
  }

  #startDeadline(): void {
    const header = this.#headers['grpc-timeout'];
    if (header === undefined) return;
    try {
      const timeoutMs = timeoutMsOf(String(header));
      const onDeadline = () => this.abort(new ConclaveError('TIMEOUT', 'context deadline exceeded'));
      this.#stopDeadline = this.#environment.runtime.setTimer(timeoutMs, onDeadline);
    } catch (error) {
      this.abort(ConclaveError.from(error));
    }
  }

  #startMessageTimer(): void {
    if (this.#stopMessageTimer !== undefined || this.#isOver) return;
    const { runtime, limits } = this.#environment;
    const text = `grpc: the message did not arrive within ${limits.messageTimeoutMs} ms`;
    const onLate = () => this.abort(new ConclaveError('TIMEOUT', text));
    this.#stopMessageTimer = runtime.setTimer(limits.messageTimeoutMs, onLate);
  }

  #waitForDrain(): void {
    const stream = this.#stream;
    this.#isFull = true;
    stream.pause();
    stream.once('drain', () => {
      this.#isFull = false;
      stream.resume();
      if (!this.#isOver) this.#receiver?.onBackpressure(false);
    });
    this.#receiver?.onBackpressure(true);
  }

  #respond(): void {
    if (this.#hasResponded) return;
    this.#hasResponded = true;
    this.#stream.respond(responseHeaders, { waitForTrailers: true });
    this.#stream.once('wantTrailers', () => {
      if (this.#trailers !== undefined) this.#stream.sendTrailers(this.#trailers);
      this.#stopPeer();
    });
  }

  #end(error: ConclaveError | undefined, lastFrame?: Buffer): void {
    this.#settle();
    const stream = this.#stream;
    if (stream.closed || stream.destroyed) return;
    this.#trailers = statusTrailers(error);
    if (this.#hasResponded) {
      stream.end(lastFrame);
    } else {
      this.#hasResponded = true;
      stream.respond({ ...responseHeaders, ...this.#trailers }, { endStream: true });
      this.#stopPeer();
    }
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

  /** A status would wait behind what the caller does not read; gRPC reads this reset as RESOURCE_EXHAUSTED. */
  #overflow(): void {
    this.#settle();
    this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    this.#cancelReceiver();
  }

  #settle(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopDeadline();
    this.#stopMessageTimer?.();
    this.#stopMessageTimer = undefined;
    this.#reader.clear();
    this.#environment.partialBytes.add(-this.#countedBytes);
    this.#countedBytes = 0;
  }
}

function cancelled(): ConclaveError {
  return new ConclaveError('CANCELLED', 'context canceled');
}

function tooMuchUnderWay(): ConclaveError {
  return new ConclaveError('RESOURCE_EXHAUSTED', 'grpc: too many bytes of incomplete messages on this connection');
}
