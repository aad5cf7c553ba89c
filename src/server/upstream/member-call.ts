import type { IncomingHttpHeaders } from 'node:http2';
import { type Bytes, noBytes } from '../../core/bytes.js';
import type { ConclaveError } from '../../core/errors.js';
import type { Connection } from '../../http2/connection.js';
import type { Field } from '../../http2/hpack/field.js';
import { Code, codeName } from '../../http2/protocol.js';
import type { Stream, StreamListener } from '../../http2/stream.js';
import type { CallOwner, LinkCall } from '../../http2-client/h2-link.js';
import { transportError } from '../../http2-client/transport-error.js';
import type { ResponseHeaders } from '../http2/server-stream.js';
import { AnswerHeads } from './answer-heads.js';
import type { Member } from './members.js';

/** Where a member's answer goes. Nothing comes after `onEnd` or `onFail`. */
export interface AnswerReceiver {
  onHead(status: number, headers: ResponseHeaders, isLast: boolean): void;
  onAnswer(bytes: Bytes): void;
  onTrailers(trailers: ResponseHeaders): void;
  /** There is no member's word on how it ended. */
  onFail(error: ConclaveError): void;
  /** The member takes what is sent: at first, and again after `send` has told that it does not. */
  onRoom(): void;
}

/** The heads and the trailers of a connection's answers. */
export class AnswerMemory {
  readonly heads = new AnswerHeads();
  readonly trailers = new AnswerHeads();
}

/** A call's stream to a member, byte for byte; nothing is sent before there is one (`onRoom`). */
export class MemberCall implements LinkCall, StreamListener {
  owner: CallOwner<MemberCall> | undefined;
  /** Who it goes to. Set before it begins. */
  member: Member | undefined;
  /** No status tells it. */
  readonly outcome = 'unknown';
  readonly #headers: IncomingHttpHeaders;
  readonly #memory: AnswerMemory;
  readonly #receiver: AnswerReceiver;
  #stream: Stream | undefined;
  #hasHead = false;
  #isOver = false;

  constructor(headers: IncomingHttpHeaders, memory: AnswerMemory, receiver: AnswerReceiver) {
    this.#headers = headers;
    this.#memory = memory;
    this.#receiver = receiver;
  }

  get streamId(): number {
    return this.#stream?.id ?? 0;
  }

  begin(connection: Connection): void {
    const fields = (this.member as Member).fieldsOf(this.#headers);
    this.#stream = connection.open(fields, false, this);
    this.#receiver.onRoom();
  }

  /** False: the member is to take some of it first, `onRoom` tells when it has. */
  send(bytes: Bytes): boolean {
    const stream = this.#stream;
    if (stream === undefined) return false;
    stream.data(bytes, false);
    return stream.unsentBytes === 0;
  }

  /** The request is complete. */
  end(): void {
    this.#stream?.data(noBytes, true);
  }

  /** The member may send no more than its window still has room for, until `resume`. */
  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  /** The receiver hears nothing more. Idempotent. */
  cancel(): void {
    this.#finish();
  }

  fail(error: ConclaveError): void {
    if (this.#finish()) this.#receiver.onFail(error);
  }

  onHeaders(fields: readonly Field[], last: boolean): void {
    if (this.#hasHead) {
      if (!last) this.#break('a second head');
      else if (this.#finish()) this.#receiver.onTrailers(this.#memory.trailers.read(fields));
      return;
    }
    const status = fields.find(({ name }) => name === ':status')?.value ?? '';
    if (/^1\d\d$/.test(status) && !last) return;
    if (!/^[2-5]\d\d$/.test(status)) {
      this.#break('no status');
      return;
    }
    this.#hasHead = true;
    if (last && !this.#finish()) return;
    this.#receiver.onHead(Number(status), this.#memory.heads.read(fields), last);
  }

  onData(bytes: Buffer, start: number, end: number, last: boolean): void {
    if (!this.#hasHead) {
      this.#break('DATA before its head');
      return;
    }
    if (!this.#isOver) this.#receiver.onAnswer(bytes.subarray(start, end));
    if (last) this.#break('no trailers');
  }

  onReset(code: number, byPeer: boolean): void {
    this.#lose(byPeer ? `the stream was reset: ${codeName(code)}` : `the answer breaks HTTP/2: ${codeName(code)}`);
  }

  /** The link ends its calls itself; this is for whichever it forgot. */
  onLost(): void {
    this.#lose('the connection broke');
  }

  onDrain(): void {
    if (!this.#isOver) this.#receiver.onRoom();
  }

  #break(what: string): void {
    this.#lose(`an answer with ${what}`);
  }

  #lose(what: string): void {
    this.fail(transportError(this.member?.address ?? '', what, 'unknown'));
  }

  /** What is still to be sent is of no use to anybody. */
  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.owner?.onOver(this);
    if (this.#stream?.hasEnded === false || this.#stream?.peerHasEnded === false) this.#stream.reset(Code.cancel);
    return true;
  }
}
