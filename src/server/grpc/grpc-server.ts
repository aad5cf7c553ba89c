import type { Duplex } from 'node:stream';
import { deferred } from '../../core/deferred.js';
import type { Http2 } from '../http2/http2.js';
import { GrpcSession, type SessionEnvironment } from './grpc-session.js';
import type { Transport } from './transport.js';

export interface GrpcServerOptions extends SessionEnvironment {
  readonly http2: Http2;
}

/**
 * gRPC over HTTP/2 with framing of our own: that lets us bound what a peer may hold. It opens no socket: connections
 * are handed to it, so that TLS or another protocol on the same port is the listener's business alone.
 */
export class GrpcServer implements Transport {
  readonly #options: GrpcServerOptions;
  readonly #sessions = new Set<GrpcSession>();
  readonly #connections = new Set<Duplex>();
  #closing: Promise<void> | undefined;
  #onEmpty: (() => void) | undefined;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
  }

  stats(): { readonly sessions: number; readonly calls: number } {
    let calls = 0;
    for (const session of this.#sessions) calls += session.calls;
    return { sessions: this.#sessions.size, calls };
  }

  accept(connection: Duplex): void {
    if (this.#closing !== undefined) {
      connection.destroy();
      return;
    }
    this.#connections.add(connection);
    connection.once('close', () => this.#connections.delete(connection));
    this.#options.http2.connect(connection, (opened) => {
      const session = new GrpcSession(opened, this.#options, (closed) => this.#onClosed(closed));
      this.#sessions.add(session);
      return session;
    });
  }

  /**
   * Sends GOAWAY, ends streams with UNAVAILABLE, gives unary calls `closeGraceMs` to finish and peers as long again to
   * take the last bytes; then cuts the connections. Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#sessions.size === 0) return;
    const { runtime, limits } = this.#options;
    const empty = deferred();
    this.#onEmpty = empty.resolve;
    this.#each((session) => session.drain());
    let stopTimer = runtime.setTimer(limits.closeGraceMs, () => {
      this.#each((session) => session.stop());
      stopTimer = runtime.setTimer(limits.closeGraceMs, () => this.#cut());
    });
    await empty.promise;
    stopTimer();
  }

  /** A session that is being closed waits for its peer even when it is destroyed: its connection does not. */
  #cut(): void {
    this.#each((session) => session.destroy());
    for (const connection of this.#connections) connection.destroy();
  }

  #each(fn: (session: GrpcSession) => void): void {
    for (const session of [...this.#sessions]) fn(session);
  }

  #onClosed(session: GrpcSession): void {
    this.#sessions.delete(session);
    if (this.#sessions.size === 0) this.#onEmpty?.();
  }
}
