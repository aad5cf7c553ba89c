import type { IncomingHttpHeaders } from 'node:http2';
import type { Bytes } from '../../core/bytes.js';

export type ResponseHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** RFC 9113, section 7: what the server itself gives streams up with. */
export const ResetCode = { none: 0, internal: 2, calm: 11 } as const;

/** One stream of a connection: a request and its answer. What carries it is told by `Http2`. */
export interface ServerStream {
  readonly headers: IncomingHttpHeaders;
  readonly connection: ConnectionFacts;
  /** Whether what is written can still reach the peer. */
  readonly isOpen: boolean;
  /** Whether it is gone, or about to be: `onClose` has been called or will be. */
  readonly isClosed: boolean;
  /** Bytes written that wait for the peer to take others. */
  readonly unsentBytes: number;
  /** Who is told from now on, of what has come before too. Once. */
  listen(listener: StreamListener): void;
  /** No more is read than the peer's window has room for, until `resume`. */
  pause(): void;
  resume(): void;
  /** The head of the answer; with `isLast` all of it. */
  respond(status: number, headers: ResponseHeaders, isLast?: boolean): void;
  /**
   * After `respond`. False when the peer should take some of what is unsent first; `onDrain` tells when it has. `lead`
   * goes before `bytes` and may change afterwards.
   */
  write(bytes: Bytes, lead?: Bytes): boolean;
  /** Ends the answer, with `trailers` if there are any. */
  end(trailers?: ResponseHeaders): void;
  /**
   * What the peer still sends is of no use. Once the answer is through it is told so, by a reset without an error (RFC
   * 9113, 8.1), if it has not ended by then.
   */
  stopPeer(): void;
  /** Gives the stream up, with what was not sent yet. */
  reset(code: number): void;
}

export interface StreamListener {
  onData(chunk: Bytes): void;
  /** The peer has ended its side in order. */
  onEnd(): void;
  /** What was unsent has been taken. */
  onDrain(): void;
  /** The stream is gone: ended on both sides, reset, or with its connection. Last, once. */
  onClose(): void;
}

/** Where a stream comes from. */
export interface ConnectionFacts {
  /** Whether by TLS. */
  readonly isSecure: boolean;
  /** The address of ours that the peer connected to. */
  readonly localAddress: string | undefined;
  /** The peer's. */
  readonly remoteAddress: string | undefined;
}
