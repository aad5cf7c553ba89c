import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { deferred } from '../../core/deferred.js';
import type { Runtime } from '../../core/runtime.js';
import type { ServerLimits } from '../grpc/limits.js';
import type { ConnectionSink } from '../net/connection-sink.js';
import type { HttpExchange } from './exchange.js';
import { Http1Exchange } from './http1-exchange.js';

/** Requests that a peer may send before the first of them is answered. */
const maxPipelined = 16;

interface Connection {
  open: number;
  stopTimer: () => void;
}

/**
 * HTTP/1.1 on connections that are handed to it. Node's own timeouts need a server that listens, and real time: the
 * ones here are ours.
 */
export class Http1Server implements ConnectionSink {
  readonly #runtime: Runtime;
  readonly #limits: ServerLimits;
  readonly #serve: (exchange: HttpExchange) => void;
  readonly #http: Server;
  readonly #connections = new Map<Duplex, Connection>();
  #closing: Promise<void> | undefined;
  #onEmpty: (() => void) | undefined;

  constructor(runtime: Runtime, limits: ServerLimits, serve: (exchange: HttpExchange) => void) {
    this.#runtime = runtime;
    this.#limits = limits;
    this.#serve = serve;
    this.#http = createServer({ maxHeaderSize: limits.maxHeaderBytes, keepAliveTimeout: 0, requestTimeout: 0 });
    this.#http.headersTimeout = 0;
    this.#http.on('request', (request, response) => this.#onRequest(request, response));
  }

  get connections(): number {
    return this.#connections.size;
  }

  accept(socket: Duplex): void {
    if (this.#closing !== undefined) {
      socket.destroy();
      return;
    }
    const connection: Connection = { open: 0, stopTimer: () => {} };
    this.#connections.set(socket, connection);
    socket.once('close', () => {
      connection.stopTimer();
      this.#connections.delete(socket);
      if (this.#connections.size === 0) this.#onEmpty?.();
    });
    this.#setTimer(socket, connection, this.#limits.messageTimeoutMs);
    this.#http.emit('connection', socket);
  }

  /** Lets requests under way finish within `closeGraceMs`, then cuts what is left. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const [socket, { open }] of this.#connections) if (open === 0) socket.destroy();
    if (this.#connections.size === 0) return;
    const empty = deferred();
    this.#onEmpty = empty.resolve;
    const cut = () => {
      for (const socket of this.#connections.keys()) socket.destroy();
    };
    const stopTimer = this.#runtime.setTimer(this.#limits.closeGraceMs, cut);
    await empty.promise;
    stopTimer();
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    connection.stopTimer();
    connection.open += 1;
    if (connection.open > maxPipelined) {
      socket.destroy();
      return;
    }
    if (this.#closing !== undefined) response.shouldKeepAlive = false;
    response.once('close', () => this.#onResponseClose(socket, connection));
    this.#serve(new Http1Exchange(request, response));
  }

  /** The next request must have begun and its head be complete before the connection counts as idle. */
  #onResponseClose(socket: Duplex, connection: Connection): void {
    connection.open -= 1;
    if (connection.open > 0 || socket.destroyed) return;
    if (this.#closing !== undefined) socket.end();
    else this.#setTimer(socket, connection, this.#limits.httpIdleTimeoutMs);
  }

  #setTimer(socket: Duplex, connection: Connection, delayMs: number): void {
    connection.stopTimer();
    connection.stopTimer = this.#runtime.setTimer(delayMs, () => socket.destroy());
  }
}
