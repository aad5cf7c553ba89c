import type { OutgoingField } from './hpack/encoder.js';
import type { Field } from './hpack/field.js';
import type { ReceiveWindow } from './receive-window.js';

/** What is heard of one stream. Nothing comes after `onReset` or `onLost`, nor after `last`. */
export interface StreamListener {
  /** Head or trailers, or an interim head of a client's. Whether they make sense is the listener's to say. */
  onHeaders(fields: readonly Field[], last: boolean): void;
  /** `bytes[start, end)`, which nobody changes later and which may be empty. */
  onData(bytes: Buffer, start: number, end: number, last: boolean): void;
  /** The stream has ended before its time: `byPeer`, or because the peer broke a rule of the stream. */
  onReset(code: number, byPeer: boolean): void;
  /** The connection is gone, and the stream with it. */
  onLost(): void;
  /** All that was to be sent has been written, after some of it had to wait. */
  onDrain?(): void;
}

/** What waits for a window: bytes from `at` on, or trailers. */
export interface Unsent {
  readonly bytes: Uint8Array;
  at: number;
  readonly fields: readonly OutgoingField[] | undefined;
  readonly last: boolean;
}

/** What a stream needs of its connection. */
export interface StreamHost {
  sendHeaders(stream: Stream, fields: readonly OutgoingField[], last: boolean): void;
  sendData(stream: Stream, bytes: Uint8Array, last: boolean, lead: Uint8Array): void;
  reset(stream: Stream, code: number): void;
  resume(stream: Stream): void;
}

const noBytes = new Uint8Array(0);

/** One stream of a connection. */
export class Stream {
  readonly id: number;
  /** Set by whoever opens or takes the stream, at once. */
  listener: StreamListener;
  /** Bytes that the peer still takes; below zero after it has made its windows smaller. */
  sendWindow: number;
  /** What has to wait, in order. */
  readonly unsent: Unsent[] = [];
  /** Of DATA, of all that waits. */
  unsentBytes = 0;
  readonly receiveWindow: ReceiveWindow;
  /** END_STREAM was asked for by us: nothing more may be sent. */
  isEnding = false;
  /** END_STREAM was written. */
  hasEnded = false;
  /** The peer's END_STREAM has come. */
  peerHasEnded = false;
  /** Ended both ways, or reset. */
  isClosed = false;
  /** The peer is not told of more room. */
  isPaused = false;
  readonly #host: StreamHost;

  constructor(
    id: number,
    listener: StreamListener,
    sendWindow: number,
    receiveWindow: ReceiveWindow,
    host: StreamHost,
  ) {
    this.id = id;
    this.listener = listener;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
    this.#host = host;
  }

  /** Head or trailers; behind what waits. `last`: END_STREAM. Ignored once nothing can be sent any more. */
  headers(fields: readonly OutgoingField[], last: boolean): void {
    this.#host.sendHeaders(this, fields, last);
  }

  /** `bytes` must not change while they wait: see `unsentBytes`. `lead`, a few bytes before them, may. */
  data(bytes: Uint8Array, last: boolean, lead: Uint8Array = noBytes): void {
    this.#host.sendData(this, bytes, last, lead);
  }

  /** Ends the stream, with what waits; the listener hears nothing more. Idempotent. */
  reset(code: number): void {
    this.#host.reset(this, code);
  }

  /** Lets the peer send no more than its window still has room for. */
  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.#host.resume(this);
  }
}
