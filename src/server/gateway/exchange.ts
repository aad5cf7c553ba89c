import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

/** One HTTP request and its answer, of whichever version of HTTP. */
export interface HttpExchange {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** `Host`, or HTTP/2's `:authority`. */
  readonly authority: string | undefined;
  readonly isSecure: boolean;
  /** The address of ours that the caller connected to. */
  readonly localAddress: string | undefined;
  /** The caller's. */
  readonly remoteAddress: string | undefined;
  readonly body: Readable;
  /** Bytes written that the caller has not taken. */
  readonly unsentBytes: number;
  /** The whole answer. With `isLast` the connection ends with it: its input cannot be made sense of any more. */
  answer(status: number, headers: Readonly<Record<string, string>>, text: string, isLast?: boolean): void;
  /** The head of an answer in pieces. */
  start(status: number, headers: Readonly<Record<string, string>>): void;
  /** False when the caller should take some of what is unsent first; `onDrain` tells when it has. */
  write(text: string): boolean;
  onDrain(fn: () => void): void;
  /** Ends an answer in pieces. */
  end(): void;
  /** Cuts it off, in a way that the caller can tell from an end. */
  destroy(): void;
  /** Called once, when the answer is through or the caller gone; `fn` is called at once if that has been. */
  onClose(fn: () => void): void;
}

/** `origin-form` alone (RFC 9112, 3.2.1): the target of a proxy's request, or `*`, is no path here. */
export function splitTarget(target: string): { path: string; query: URLSearchParams } {
  const at = target.indexOf('?');
  if (at < 0) return { path: target, query: new URLSearchParams() };
  return { path: target.slice(0, at), query: new URLSearchParams(target.slice(at + 1)) };
}
