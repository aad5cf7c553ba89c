import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { Bytes } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import { Status } from '../../store/etcd-errors.js';
import type { Counter } from '../gateway/call-counters.js';
import type { OpenCall } from '../grpc/forwarder.js';
import { statusTrailers } from '../grpc/status.js';
import type { ResponseHeaders, ServerStream, StreamListener } from '../http2/server-stream.js';

/**
 * One call handed on as it is: headers, bytes and trailers both ways, whatever method, messages or compression it has.
 * A member that is lost under it ends it with UNAVAILABLE, as gRPC itself would; nothing is sent twice.
 */
export class ForwardedCall implements OpenCall, StreamListener {
  readonly #stream: ServerStream;
  readonly #counter: Counter;
  readonly #onGone: (call: OpenCall) => void;
  #upstream: ClientHttp2Stream | undefined;
  #trailers: ResponseHeaders | undefined;
  #hasResponded = false;
  #isOver = false;

  constructor(stream: ServerStream, counter: Counter, onGone: (call: OpenCall) => void) {
    this.#stream = stream;
    this.#counter = counter;
    this.#onGone = onGone;
    counter.started += 1;
    stream.pause();
    stream.listen(this);
  }

  /** `session` is where it goes once that stands. */
  async start(session: Promise<ClientHttp2Session>): Promise<void> {
    try {
      const connection = await session;
      if (!this.#isOver) this.#pipe(connection.request(requestHeaders(this.#stream.headers)));
    } catch (error) {
      const { message } = ConclaveError.from(error);
      this.abort(new ConclaveError('UNAVAILABLE', message));
    }
  }

  abort(error: ConclaveError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#trailers = statusTrailers(error);
    this.#upstream?.close(constants.NGHTTP2_CANCEL);
    this.#end();
  }

  /** Of the caller's stream, which is paused while there is nothing to hand on to. */
  onData(chunk: Bytes): void {
    if (this.#upstream?.write(chunk) === false) this.#stream.pause();
  }

  onEnd(): void {
    this.#upstream?.end();
  }

  onDrain(): void {
    this.#upstream?.resume();
  }

  onClose(): void {
    this.#count();
    this.#isOver = true;
    this.#upstream?.close(constants.NGHTTP2_CANCEL);
    this.#onGone(this);
  }

  #pipe(upstream: ClientHttp2Stream): void {
    const stream = this.#stream;
    this.#upstream = upstream;
    // A stream that fails also closes.
    upstream.on('error', () => {});
    upstream.on('drain', () => stream.resume());
    upstream.once('response', (headers, flags) => this.#respond(headers, flags));
    upstream.once('trailers', (trailers) => {
      this.#trailers ??= plainHeaders(trailers);
    });
    // Without trailers the status is not known before the stream closes.
    upstream.once('end', () => {
      if (this.#trailers !== undefined) this.#end();
    });
    upstream.once('close', () => this.#end());
    stream.resume();
  }

  #respond(headers: IncomingHttpHeaders, flags: number): void {
    const stream = this.#stream;
    if (this.#isOver || !stream.isOpen) return;
    // An answer of nothing but a status.
    if (headers['grpc-status'] !== undefined) this.#trailers = plainHeaders(headers);
    this.#hasResponded = true;
    const { ':status': status = 200, ...others } = plainHeaders(headers);
    stream.respond(Number(status), others, (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0);
    if (!stream.isOpen) return;
    this.#upstream?.on('data', (chunk: Buffer) => {
      if (!stream.write(chunk)) this.#upstream?.pause();
    });
  }

  /** Without a status of its member the caller has left it. */
  #count(): void {
    const status = this.#trailers?.['grpc-status'];
    this.#counter.end(status === undefined ? Status.cancelled : Number(status));
  }

  /** After the last byte from above, if there was any. */
  #end(): void {
    const stream = this.#stream;
    if (!stream.isOpen) return;
    this.#isOver = true;
    if (this.#hasResponded) stream.end(this.#status());
    else stream.respond(200, { 'content-type': 'application/grpc', ...this.#status() }, true);
    stream.stopPeer();
  }

  #status(): ResponseHeaders {
    this.#trailers ??= statusTrailers(
      new ConclaveError('UNAVAILABLE', 'conclave: the upstream member was lost', { outcome: 'unknown' }),
    );
    return this.#trailers;
  }
}

/** What belongs to one connection and not to the call. */
const connectionHeaders: ReadonlySet<string> = new Set(['host', 'connection', 'transfer-encoding', 'keep-alive', 'te']);

function requestHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return { ':method': 'POST', ':path': headers[':path'], te: 'trailers', ...plainHeaders(headers) };
}

function plainHeaders(headers: IncomingHttpHeaders): Record<string, string | string[] | undefined> {
  const kept: Record<string, string | string[] | undefined> = {};
  for (const name in headers) {
    if (name === ':status' || !(name.startsWith(':') || connectionHeaders.has(name))) kept[name] = headers[name];
  }
  return kept;
}
