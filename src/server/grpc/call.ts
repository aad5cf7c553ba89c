import type { Bytes } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import type { RpcContext, RpcPeer } from '../../wire/rpc-service.js';
import type { ServerStream, StreamListener } from '../http2/server-stream.js';
import type { ByteQuota } from './byte-quota.js';
import { CallInput } from './call-input.js';
import { CallOutput } from './call-output.js';
import type { DueTimer } from './due-timer.js';
import { timeoutMsOf } from './grpc-timeout.js';
import type { ServerLimits } from './limits.js';
import { metadataOf } from './metadata.js';
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
  readonly limits: ServerLimits;
  /** Asks every open call, by `endDue`. */
  readonly timer: DueTimer;
  /** Told of every call that listens, once, when its stream is gone. */
  readonly onGone: (call: GrpcCall) => void;
  /** Shared by the calls of one connection. */
  readonly partialBytes: ByteQuota;
  readonly unsentBytes: ByteQuota;
  /** Room for what comes before a message. */
  readonly prefix: Buffer;
  /** See `RpcContext`. */
  readonly peer?: RpcPeer | undefined;
}

/** One HTTP/2 stream as a gRPC call: messages, status, deadline, limits. It knows no method. */
export class GrpcCall implements RpcContext, StreamListener {
  readonly #stream: ServerStream;
  readonly #environment: CallEnvironment;
  readonly #input: CallInput;
  readonly #output: CallOutput;
  #receiver: CallReceiver | undefined;
  #isOver = false;
  #controller: AbortController | undefined;
  /** By the caller's own `grpc-timeout`. */
  #deadlineMs = Number.POSITIVE_INFINITY;

  constructor(stream: ServerStream, environment: CallEnvironment) {
    this.#stream = stream;
    this.#environment = environment;
    this.#input = new CallInput(environment, this);
    this.#output = new CallOutput(stream, environment, this);
  }

  get metadata(): Readonly<Record<string, string>> {
    return metadataOf(this.#stream.headers);
  }

  get peer(): RpcPeer | undefined {
    return this.#environment.peer;
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
    if (!this.#isOver && awaitsMessage) this.#input.expectMessage();
    this.#stream.listen(this);
  }

  /** Ends the call if its time is over; returns when it will be. */
  endDue(nowMs: number): number {
    if (this.#deadlineMs <= nowMs) this.abort(new ConclaveError('TIMEOUT', 'context deadline exceeded'));
    else if (this.#input.dueMs <= nowMs) this.#input.failLate();
    return Math.min(this.#deadlineMs, this.#input.dueMs);
  }

  /** Of the stream. */
  onData(chunk: Bytes): void {
    this.#input.push(chunk);
  }

  onEnd(): void {
    if (this.#isOver) return;
    if (this.#input.isInsideMessage) this.abort(new ConclaveError('INTERNAL', 'grpc: the last message is incomplete'));
    else this.#receiver?.onHalfClose();
  }

  onDrain(): void {
    this.#output.onDrain();
  }

  /** After our own end, a reset by the caller, or with its connection. */
  onClose(): void {
    this.#output.release();
    this.#environment.onGone(this);
    if (this.#isOver) return;
    this.#settle();
    this.#cancelReceiver();
  }

  /** Of the input. */
  onMessage(message: Bytes): void {
    this.#receiver?.onMessage(message);
  }

  /** Of the output. */
  onBackpressure(isFull: boolean): void {
    if (!this.#isOver) this.#receiver?.onBackpressure(isFull);
  }

  send(message: Bytes): void {
    if (this.#isOver || !this.#output.isOpen) return;
    if (!this.#output.send(message)) this.#overflow();
  }

  /** The one answer of a unary call. */
  sendLast(message: Bytes): void {
    if (this.#isOver || !this.#output.isOpen) return;
    const max = this.#environment.limits.maxAnswerBytes;
    if (message.length > max) {
      const text = `grpc: trying to send message larger than max (${message.length} vs. ${max})`;
      this.#end(new ConclaveError('RESOURCE_EXHAUSTED', text));
      return;
    }
    this.#settle();
    if (!this.#output.sendLast(message)) this.#output.reset();
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

  #cancelReceiver(): void {
    this.#controller?.abort(cancelled());
    this.#receiver?.onCancel();
  }

  #startDeadline(): void {
    const header = this.#stream.headers['grpc-timeout'];
    if (header === undefined) return;
    try {
      this.#deadlineMs = this.#environment.timer.dueIn(timeoutMsOf(String(header)));
    } catch (error) {
      this.abort(ConclaveError.from(error));
    }
  }

  #end(error: ConclaveError | undefined): void {
    this.#settle();
    if (this.#output.isOpen) this.#output.end(statusTrailers(error));
  }

  #overflow(): void {
    this.#settle();
    this.#output.reset();
    this.#cancelReceiver();
  }

  #settle(): void {
    this.#isOver = true;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.#input.close();
  }
}

function cancelled(): ConclaveError {
  return new ConclaveError('CANCELLED', 'context canceled');
}
