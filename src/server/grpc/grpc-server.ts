import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { Duplex } from 'node:stream';
import { deferred } from '../../core/deferred.js';
import { GrpcSession, type SessionEnvironment } from './grpc-session.js';
import type { Transport } from './transport.js';

/** A peer that sends this many malformed frames, or streams that are refused, has its connection ended. */
const maxInvalidFrames = 100;
const maxRejectedStreams = 100;
/** Megabytes that nghttp2 may hold for one connection beyond its streams' own bounds. */
const maxSessionMemoryMb = 64;

/**
 * gRPC over `node:http2` with framing of our own: grpc-js's server reaches half of etcd's durable put rate, this one
 * all of it, and framing of our own lets us bound what a peer may hold. It opens no socket: connections are handed to
 * it, so that TLS or another protocol on the same port is the listener's business alone.
 */
export class GrpcServer implements Transport {
  readonly #environment: SessionEnvironment;
  readonly #http2: Http2Server;
  readonly #sessions = new Map<ServerHttp2Session, GrpcSession>();
  readonly #connections = new Set<Duplex>();
  #closing: Promise<void> | undefined;
  #onEmpty: (() => void) | undefined;

  constructor(environment: SessionEnvironment) {
    this.#environment = environment;
    this.#http2 = createServer({
      settings: {
        enablePush: false,
        maxConcurrentStreams: environment.limits.maxStreams,
        maxHeaderListSize: environment.limits.maxHeaderBytes,
        initialWindowSize: 1024 * 1024,
      },
      maxSessionInvalidFrames: maxInvalidFrames,
      maxSessionRejectedStreams: maxRejectedStreams,
      maxSessionMemory: maxSessionMemoryMb,
    });
    this.#http2.on('session', (session) => this.#onSession(session));
    this.#http2.on('stream', (stream, headers) => {
      const session = stream.session as ServerHttp2Session | undefined;
      if (session !== undefined) this.#sessions.get(session)?.serve(stream, headers);
    });
  }

  stats(): { readonly sessions: number; readonly calls: number } {
    let calls = 0;
    for (const session of this.#sessions.values()) calls += session.calls;
    return { sessions: this.#sessions.size, calls };
  }

  accept(connection: Duplex): void {
    if (this.#closing !== undefined) {
      connection.destroy();
      return;
    }
    this.#connections.add(connection);
    connection.once('close', () => this.#connections.delete(connection));
    this.#http2.emit('connection', connection);
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
    const { runtime, limits } = this.#environment;
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
    for (const session of [...this.#sessions.values()]) fn(session);
  }

  #onSession(session: ServerHttp2Session): void {
    const grpcSession = new GrpcSession(session, this.#environment);
    this.#sessions.set(session, grpcSession);
    session.setLocalWindowSize(8 * 1024 * 1024);
    grpcSession.open(() => {
      this.#sessions.delete(session);
      if (this.#sessions.size === 0) this.#onEmpty?.();
    });
  }
}
