import { type Bytes, noBytes } from '../core/bytes.js';
import { ConclaveError, type Outcome, undecided } from '../core/errors.js';
import type { Connection } from '../http2/connection.js';
import { uint32At } from '../http2/frame-reader.js';
import type { OutgoingField } from '../http2/hpack/encoder.js';
import type { Field } from '../http2/hpack/field.js';
import { Code, codeName } from '../http2/protocol.js';
import type { Stream, StreamListener } from '../http2/stream.js';
import type { CallOwner, LinkCall } from '../http2-client/h2-link.js';
import { transportError } from '../http2-client/transport-error.js';
import { grpcFrame, prefixSize } from '../wire/grpc-frame.js';
import { MessageReader } from '../wire/message-reader.js';
import { errorOfHttp, errorOfTrailers, headerOf } from './h2-status.js';

/** Where an answer goes. */
export interface AnswerReceiver {
  /** The message is `bytes[start, end)`. What it throws ends the call with that error. */
  onMessage(bytes: Bytes, start: number, end: number): void;
  /** Once; nothing comes after it. Undefined: the status was OK. */
  onEnd(error: unknown): void;
}

/** One message, as Node can hold it in one Buffer on all its platforms. */
const maxMessageBytes = 2 ** 30;

/**
 * One gRPC call on one stream of HTTP/2 (gRPC's `PROTOCOL-HTTP2.md`): its messages out, the answer's messages and
 * status in. Until `begin` it keeps what is to be sent.
 */
export class H2Call implements LinkCall, StreamListener {
  owner: CallOwner<H2Call> | undefined;
  readonly #endpoint: string;
  readonly #fields: readonly OutgoingField[];
  readonly #receiver: AnswerReceiver;
  readonly #isUnary: boolean;
  /** Kept until `begin`. */
  #unsent: Buffer[] = [];
  #isHalfClosed = false;
  #stream: Stream | undefined;
  #connection: Connection | undefined;
  /** What the connection had written when the call began. */
  #flushesBefore = 0;
  #hasHead = false;
  #reader: MessageReader | undefined;
  #isOver = false;

  /** `request`: the only message of a unary call; undefined: more come by `send`. */
  constructor(
    endpoint: string,
    fields: readonly OutgoingField[],
    request: Bytes | undefined,
    receiver: AnswerReceiver,
  ) {
    this.#endpoint = endpoint;
    this.#fields = fields;
    this.#receiver = receiver;
    this.#isUnary = request !== undefined;
    if (request !== undefined) this.#unsent.push(grpcFrame(request));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  begin(connection: Connection): void {
    this.#connection = connection;
    this.#flushesBefore = connection.flushes;
    this.#stream = connection.open(this.#fields, false, this);
    for (const message of this.#unsent) this.#stream.data(message, this.#isUnary);
    this.#unsent = [];
    if (this.#isHalfClosed) this.#stream.data(noBytes, true);
  }

  send(message: Bytes): void {
    if (this.#isOver) return;
    if (this.#stream === undefined) this.#unsent.push(grpcFrame(message));
    else this.#stream.data(grpcFrame(message), false);
  }

  halfClose(): void {
    if (this.#isOver || this.#isHalfClosed) return;
    this.#isHalfClosed = true;
    this.#stream?.data(noBytes, true);
  }

  /** Whether the server may send no more than its window still has room for. */
  pause(isPaused: boolean): void {
    if (isPaused) this.#stream?.pause();
    else this.#stream?.resume();
  }

  /** Resets the stream; the receiver hears nothing more. Idempotent. */
  cancel(): void {
    if (this.#finish()) this.#stream?.reset(Code.cancel);
  }

  /** Ends it from this side; the receiver is told. */
  fail(error: unknown): void {
    if (!this.#finish()) return;
    this.#stream?.reset(Code.cancel);
    this.#receiver.onEnd(error);
  }

  /** What the server can have done, if no answer comes any more: nothing with a request that has not all left. */
  get outcome(): Outcome {
    const stream = this.#stream;
    if (stream === undefined || this.#connection?.flushes === this.#flushesBefore) return 'not-applied';
    return this.#isUnary && !stream.hasEnded ? 'not-applied' : 'unknown';
  }

  /** Number of the stream; 0 before there is one. */
  get streamId(): number {
    return this.#stream?.id ?? 0;
  }

  onHeaders(fields: readonly Field[], last: boolean): void {
    if (this.#isOver) return;
    if (this.#hasHead) {
      if (last) this.#end(errorOfTrailers(this.#endpoint, fields));
      else this.fail(this.#broken('a second head'));
      return;
    }
    const status = headerOf(fields, ':status') ?? '';
    if (/^1\d\d$/.test(status) && !last) return;
    this.#hasHead = true;
    const hasStatus = last && headerOf(fields, 'grpc-status') !== undefined;
    if (status !== '200' && !hasStatus) this.fail(errorOfHttp(this.#endpoint, status));
    else if (last) this.#end(errorOfTrailers(this.#endpoint, fields));
  }

  onData(bytes: Buffer, start: number, end: number, last: boolean): void {
    if (this.#isOver) return;
    try {
      if (!this.#hasHead) throw this.#broken('DATA before its head');
      this.#read(bytes, start, end);
    } catch (error) {
      // The server has done what it answers, whatever is wrong with the answer.
      this.fail(undecided(ConclaveError.from(error)));
      return;
    }
    if (last) this.#end(errorOfTrailers(this.#endpoint, []));
  }

  onReset(code: number, byPeer: boolean): void {
    if (code === Code.refused && byPeer && !this.#hasHead) {
      this.fail(transportError(this.#endpoint, 'the server refused the stream', 'not-applied'));
      return;
    }
    const what = byPeer ? `the stream was reset: ${codeName(code)}` : `the answer breaks HTTP/2: ${codeName(code)}`;
    this.fail(transportError(this.#endpoint, what, 'unknown'));
  }

  /** The connection tells the reason to the link, which ends its calls itself; this is for whichever it forgot. */
  onLost(): void {
    this.fail(transportError(this.#endpoint, 'the connection broke', this.outcome));
  }

  #read(bytes: Buffer, start: number, end: number): void {
    if (this.#heldBytes === 0 && isOneMessage(bytes, start, end)) {
      this.#receiver.onMessage(bytes, start + prefixSize, end);
      return;
    }
    this.#reader ??= new MessageReader(maxMessageBytes);
    this.#reader.push(bytes.subarray(start, end), (message) => {
      if (!this.#isOver) this.#receiver.onMessage(message, 0, message.length);
    });
  }

  /** Of a message that has begun. */
  get #heldBytes(): number {
    return this.#reader?.heldBytes ?? 0;
  }

  /** The server's last word. */
  #end(error: ConclaveError | undefined): void {
    if (this.#isOver) return;
    if (error === undefined && this.#heldBytes > 0) {
      this.fail(this.#broken('an end within a message'));
      return;
    }
    this.#finish();
    // It takes nothing more: what is still to be sent is of no use.
    if (this.#stream?.hasEnded === false) this.#stream.reset(Code.cancel);
    this.#receiver.onEnd(error);
  }

  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#unsent = [];
    this.owner?.onOver(this);
    return true;
  }

  #broken(what: string): ConclaveError {
    return new ConclaveError('INTERNAL', `${this.#endpoint}: an answer with ${what}`, { outcome: 'unknown' });
  }
}

function isOneMessage(bytes: Buffer, start: number, end: number): boolean {
  const messageAt = start + prefixSize;
  return messageAt <= end && bytes[start] === 0 && uint32At(bytes, start + 1) === end - messageAt;
}
