import type { Bytes } from '../../core/bytes.js';
import type { ConclaveError } from '../../core/errors.js';
import { Status } from '../../store/etcd-errors.js';
import type { Counter } from '../gateway/call-counters.js';
import type { OpenCall } from '../grpc/forwarder.js';
import { statusTrailers } from '../grpc/status.js';
import type { ResponseHeaders, ServerStream, StreamListener } from '../http2/server-stream.js';
import { type AnswerMemory, type AnswerReceiver, MemberCall } from './member-call.js';
import type { MemberLink } from './member-link.js';

/** What of the answers waits for the caller to read, of all its calls. */
export interface Unread {
  /** More bytes, or fewer. */
  onUnread(bytes: number): void;
}

export interface ForwardedCallOptions {
  readonly stream: ServerStream;
  readonly memory: AnswerMemory;
  readonly counter: Counter;
  /** The stream is gone. */
  readonly onGone: (call: OpenCall) => void;
  readonly unread: Unread;
}

/**
 * One call handed on as it is: headers, bytes and trailers both ways, whatever method, messages or compression it has.
 * A member that is lost under it ends it with UNAVAILABLE, as gRPC itself would; nothing is sent twice.
 */
export class ForwardedCall implements OpenCall, StreamListener, AnswerReceiver {
  readonly #stream: ServerStream;
  readonly #counter: Counter;
  readonly #onGone: (call: OpenCall) => void;
  readonly #unread: Unread;
  readonly #upstream: MemberCall;
  #hasResponded = false;
  /** As `#unread` was told. */
  #unreadBytes = 0;
  /** gRPC's, once it is known. */
  #status: string | undefined;

  constructor({ stream, memory, counter, onGone, unread }: ForwardedCallOptions) {
    this.#stream = stream;
    this.#counter = counter;
    this.#onGone = onGone;
    this.#unread = unread;
    this.#upstream = new MemberCall(stream.headers, memory, this);
    counter.started += 1;
  }

  start(link: MemberLink): void {
    this.#stream.pause();
    this.#stream.listen(this);
    link.start(this.#upstream);
  }

  abort(error: ConclaveError): void {
    this.#upstream.cancel();
    this.onFail(error);
  }

  /** Of the caller's stream, which is paused while there is nothing to hand on to. */
  onData(chunk: Bytes): void {
    if (!this.#upstream.send(chunk)) this.#stream.pause();
  }

  onEnd(): void {
    this.#upstream.end();
  }

  onDrain(): void {
    this.#count(this.#stream.unsentBytes);
    this.#upstream.resume();
  }

  /** Without a status of its member the caller has left it. */
  onClose(): void {
    this.#counter.end(this.#status === undefined ? Status.cancelled : Number(this.#status));
    this.#upstream.cancel();
    this.#count(0);
    this.#onGone(this);
  }

  /** Of the member, as all below. */
  onHead(status: number, headers: ResponseHeaders, isLast: boolean): void {
    this.#hasResponded = true;
    if (isLast) this.#keepStatus(headers);
    this.#stream.respond(status, headers, isLast);
    if (isLast) this.#stream.stopPeer();
  }

  onAnswer(bytes: Bytes): void {
    if (this.#stream.write(bytes)) return;
    this.#upstream.pause();
    this.#count(this.#stream.unsentBytes);
  }

  /** After the last byte from above, if there was any. */
  onTrailers(trailers: ResponseHeaders): void {
    if (!this.#stream.isOpen) return;
    this.#keepStatus(trailers);
    if (this.#hasResponded) this.#stream.end(trailers);
    else this.#stream.respond(200, { 'content-type': 'application/grpc', ...trailers }, true);
    this.#stream.stopPeer();
  }

  onFail(error: ConclaveError): void {
    this.onTrailers(statusTrailers(error));
  }

  onRoom(): void {
    this.#stream.resume();
  }

  #count(bytes: number): void {
    const added = bytes - this.#unreadBytes;
    this.#unreadBytes = bytes;
    if (added !== 0) this.#unread.onUnread(added);
  }

  #keepStatus({ 'grpc-status': status }: ResponseHeaders): void {
    this.#status = typeof status === 'string' ? status : undefined;
  }
}
