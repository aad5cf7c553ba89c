import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { ConclaveError } from '../../core/errors.js';
import { Status } from '../../store/etcd-errors.js';
import type { Counter } from '../gateway/call-counters.js';
import type { OpenCall } from '../grpc/forwarder.js';
import { statusTrailers } from '../grpc/status.js';

/**
 * One call handed on as it is: headers, bytes and trailers both ways, whatever method, messages or compression it has.
 * A member that is lost under it ends it with UNAVAILABLE, as gRPC itself would; nothing is sent twice.
 */
export class ForwardedCall implements OpenCall {
  readonly #stream: ServerHttp2Stream;
  readonly #counter: Counter;
  #upstream: ClientHttp2Stream | undefined;
  #trailers: OutgoingHttpHeaders | undefined;
  #isOver = false;

  constructor(stream: ServerHttp2Stream, counter: Counter) {
    this.#stream = stream;
    this.#counter = counter;
    counter.started += 1;
    stream.once('close', () => {
      this.#count();
      this.#isOver = true;
      this.#upstream?.close(constants.NGHTTP2_CANCEL);
    });
  }

  /** `session` is where it goes once that stands. */
  async start(headers: IncomingHttpHeaders, session: Promise<ClientHttp2Session>): Promise<void> {
    try {
      const connection = await session;
      if (!this.#isOver) this.#pipe(connection.request(requestHeaders(headers)));
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

  #pipe(upstream: ClientHttp2Stream): void {
    const stream = this.#stream;
    this.#upstream = upstream;
    // A stream that fails also closes.
    upstream.on('error', () => {});
    stream.pipe(upstream);
    upstream.once('response', (headers, flags) => {
      if (this.#isOver || stream.closed) return;
      // An answer of nothing but a status.
      if (headers['grpc-status'] !== undefined) this.#trailers = plainHeaders(headers);
      const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      stream.respond(plainHeaders(headers), endStream ? { endStream } : { waitForTrailers: true });
      if (endStream) return;
      stream.once('wantTrailers', () => this.#sendTrailers());
      upstream.pipe(stream, { end: false });
    });
    upstream.once('trailers', (trailers) => {
      this.#trailers ??= plainHeaders(trailers);
    });
    // Without trailers the status is not known before the stream closes.
    upstream.once('end', () => {
      if (this.#trailers !== undefined) this.#end();
    });
    upstream.once('close', () => this.#end());
  }

  /** Without a status of its member the caller has left it. */
  #count(): void {
    const status = this.#trailers?.['grpc-status'];
    this.#counter.end(status === undefined ? Status.cancelled : Number(status));
  }

  /** After the last byte from above, if there was any. */
  #end(): void {
    const stream = this.#stream;
    if (stream.closed || stream.destroyed || stream.writableEnded) return;
    this.#isOver = true;
    if (stream.headersSent) stream.end();
    else stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...this.#status() }, { endStream: true });
  }

  #sendTrailers(): void {
    if (!this.#stream.closed && !this.#stream.destroyed) this.#stream.sendTrailers(this.#status());
  }

  #status(): OutgoingHttpHeaders {
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

function plainHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const kept: OutgoingHttpHeaders = {};
  for (const name in headers) {
    if (name === ':status' || !(name.startsWith(':') || connectionHeaders.has(name))) kept[name] = headers[name];
  }
  return kept;
}
