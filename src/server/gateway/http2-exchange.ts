import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { type HttpExchange, splitTarget } from './exchange.js';

export class Http2Exchange implements HttpExchange {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    const { path, query } = splitTarget(headers[':path'] ?? '');
    this.path = path;
    this.query = query;
    this.headers = headers;
    this.body = stream;
  }

  get method(): string {
    return this.headers[':method'] ?? '';
  }

  get authority(): string | undefined {
    return this.headers[':authority'] ?? this.headers.host;
  }

  get isSecure(): boolean {
    return this.body.session?.encrypted ?? false;
  }

  get localAddress(): string | undefined {
    return this.body.session?.socket.localAddress;
  }

  get remoteAddress(): string | undefined {
    return this.body.session?.socket.remoteAddress;
  }

  get unsentBytes(): number {
    return this.body.writableLength;
  }

  answer(status: number, headers: Readonly<Record<string, string>>, text: string, isLast = false): void {
    if (!this.#isOpen) return;
    this.body.respond({ ':status': status, ...headers });
    this.body.end(text);
    if (isLast) this.#refuseInput();
    else this.body.resume();
  }

  start(status: number, headers: Readonly<Record<string, string>>): void {
    if (this.#isOpen) this.body.respond({ ':status': status, ...headers });
  }

  write(text: string): boolean {
    return this.#isOpen ? this.body.write(text) : true;
  }

  onDrain(fn: () => void): void {
    this.body.on('drain', fn);
  }

  end(): void {
    this.body.end();
    this.#refuseInput();
  }

  destroy(): void {
    this.body.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  onClose(fn: () => void): void {
    if (this.body.destroyed) fn();
    else this.body.once('close', fn);
  }

  get #isOpen(): boolean {
    return !this.body.closed && !this.body.destroyed;
  }

  /** Once the answer is through: the caller need not send the rest (RFC 9113, 8.1). */
  #refuseInput(): void {
    this.body.once('finish', () => this.body.close(constants.NGHTTP2_NO_ERROR));
  }
}
