import type { IncomingHttpHeaders } from 'node:http2';
import { Readable } from 'node:stream';
import { ResetCode, type ServerStream } from '../http2/server-stream.js';
import { type HttpExchange, splitTarget } from './exchange.js';

export class Http2Exchange implements HttpExchange {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Readable;
  readonly #stream: ServerStream;
  #onDrain = () => {};
  readonly #onClose: (() => void)[] = [];

  constructor(stream: ServerStream) {
    const { path, query } = splitTarget(stream.headers[':path'] ?? '');
    this.path = path;
    this.query = query;
    this.#stream = stream;
    const body = new Readable({ read: () => stream.resume() });
    this.body = body;
    stream.listen({
      onData: (chunk) => {
        if (!body.push(chunk)) stream.pause();
      },
      onEnd: () => body.push(null),
      onDrain: () => this.#onDrain(),
      onClose: () => {
        for (const each of this.#onClose.splice(0)) each();
      },
    });
  }

  get headers(): IncomingHttpHeaders {
    return this.#stream.headers;
  }

  get method(): string {
    return this.headers[':method'] ?? '';
  }

  get authority(): string | undefined {
    return this.headers[':authority'] ?? this.headers.host;
  }

  get isSecure(): boolean {
    return this.#stream.connection.isSecure;
  }

  get localAddress(): string | undefined {
    return this.#stream.connection.localAddress;
  }

  get remoteAddress(): string | undefined {
    return this.#stream.connection.remoteAddress;
  }

  get unsentBytes(): number {
    return this.#stream.unsentBytes;
  }

  answer(status: number, headers: Readonly<Record<string, string>>, text: string, isLast = false): void {
    this.start(status, headers);
    this.#stream.write(Buffer.from(text, 'utf8'));
    this.#stream.end();
    if (isLast) this.#stream.stopPeer();
    else this.body.resume();
  }

  start(status: number, headers: Readonly<Record<string, string>>): void {
    // As RFC 9110, 6.6.1, asks of a server that has a clock.
    this.#stream.respond(status, { ...headers, date: new Date().toUTCString() });
  }

  write(text: string): boolean {
    return this.#stream.write(Buffer.from(text, 'utf8'));
  }

  end(): void {
    this.#stream.end();
    this.#stream.stopPeer();
  }

  destroy(): void {
    this.#stream.reset(ResetCode.internal);
  }

  onDrain(fn: () => void): void {
    this.#onDrain = fn;
  }

  onClose(fn: () => void): void {
    if (this.#stream.isClosed) fn();
    else this.#onClose.push(fn);
  }
}
