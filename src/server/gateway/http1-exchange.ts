import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import { type HttpExchange, splitTarget } from './exchange.js';

export class Http1Exchange implements HttpExchange {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse) {
    const { path, query } = splitTarget(request.url ?? '');
    this.path = path;
    this.query = query;
    this.body = request;
    this.#response = response;
    // A caller that goes also closes, and that is what is listened to.
    request.on('error', () => {});
    response.on('error', () => {});
  }

  get method(): string {
    return this.body.method ?? '';
  }

  get headers(): IncomingHttpHeaders {
    return this.body.headers;
  }

  get authority(): string | undefined {
    // Node takes the first of several; who is in the middle may take the last.
    const hosts = this.body.headersDistinct.host ?? [];
    return hosts.length === 1 ? hosts[0] : undefined;
  }

  get isSecure(): boolean {
    return this.body.socket instanceof TLSSocket;
  }

  get localAddress(): string | undefined {
    return this.body.socket.localAddress;
  }

  get remoteAddress(): string | undefined {
    return this.body.socket.remoteAddress;
  }

  get unsentBytes(): number {
    return this.#response.writableLength;
  }

  answer(status: number, headers: Readonly<Record<string, string>>, text: string, isLast = false): void {
    const body = Buffer.from(text, 'utf8');
    const length = { 'content-length': body.length };
    this.#response.writeHead(
      status,
      isLast ? { ...headers, ...length, connection: 'close' } : { ...headers, ...length },
    );
    this.#response.end(body);
  }

  start(status: number, headers: Readonly<Record<string, string>>): void {
    this.#response.writeHead(status, headers);
    this.#response.flushHeaders();
  }

  write(text: string): boolean {
    return this.#response.write(text);
  }

  onDrain(fn: () => void): void {
    this.#response.on('drain', fn);
  }

  end(): void {
    // What the caller may still send belongs to a stream that is over.
    if (!this.body.complete) this.#response.shouldKeepAlive = false;
    this.#response.end(() => {
      if (!this.body.complete) this.body.socket.destroySoon();
    });
  }

  destroy(): void {
    this.body.socket.destroy();
  }

  onClose(fn: () => void): void {
    if (this.#response.closed || this.body.socket.destroyed) fn();
    else this.#response.once('close', fn);
  }
}
