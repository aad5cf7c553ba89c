import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Runtime } from '../../core/runtime.js';
import type { ServerLimits } from '../grpc/limits.js';
import type { ReportBug } from '../grpc/serve-call.js';
import type { ConnectionListener, Http2, ServerConnection } from '../http2/http2.js';
import { peerOf } from '../net/tls-gate.js';
import { H2Connection, type Wire } from './h2-connection.js';

/** A peer that leaves this much unread is not read from, and DATA waits on its streams. */
const congestedAtBytes = 256 * 1024;
/** What comes behind the end of a connection is let pass up to here, so that the peer can read why. */
const maxLateBytes = 1024 * 1024;

/** HTTP/2 of our own, over sockets. */
export class H2 implements Http2 {
  readonly #runtime: Runtime;
  readonly #limits: ServerLimits;
  readonly #report: ReportBug;

  constructor(runtime: Runtime, limits: ServerLimits, report: ReportBug) {
    this.#runtime = runtime;
    this.#limits = limits;
    this.#report = report;
  }

  connect(socket: Duplex, open: (connection: ServerConnection) => ConnectionListener): void {
    const secure = socket as TLSSocket;
    const wire = new SocketWire(socket);
    const options = {
      wire,
      limits: this.#limits,
      facts: {
        isSecure: secure.encrypted === true,
        localAddress: secure.localAddress,
        remoteAddress: secure.remoteAddress,
        peer: peerOf(secure),
      },
      nowMs: () => this.#runtime.monotonicMs(),
    };
    wire.serve(new H2Connection(options, open), this.#report);
  }
}

/** One write a turn: that of the bytes that were read, or of the promises that settled. */
class SocketWire implements Wire {
  readonly #socket: Duplex;
  #deferred: (() => void)[] = [];
  #isTurn = false;
  #hasEnded = false;
  #lateBytes = 0;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  serve(connection: H2Connection, report: ReportBug): void {
    const socket = this.#socket;
    socket.on('data', (chunk: Buffer) => {
      try {
        this.#onData(connection, chunk);
      } catch (error) {
        report(error);
        socket.destroy();
      }
    });
    socket.on('drain', () => {
      if (!socket.isPaused()) return;
      socket.resume();
      connection.drained();
    });
    // A peer that says no more is gone: nobody ends one side of a connection of HTTP/2.
    socket.once('end', () => socket.destroy());
    socket.once('close', () => connection.lost());
    if (socket.destroyed) connection.lost();
  }

  write(chunks: readonly Buffer[]): boolean {
    const socket = this.#socket;
    if (socket.destroyed || this.#hasEnded) return true;
    if (chunks.length > 1) socket.cork();
    for (const chunk of chunks) socket.write(chunk);
    if (chunks.length > 1) socket.uncork();
    if (socket.writableLength < congestedAtBytes) return true;
    socket.pause();
    return false;
  }

  defer(fn: () => void): void {
    this.#deferred.push(fn);
    if (this.#isTurn) return;
    this.#isTurn = true;
    queueMicrotask(() => this.#endTurn());
  }

  /** A reset that is read together with the end of an answer is taken for a failure, by Node's client among others. */
  later(fn: () => void): void {
    setImmediate(fn);
  }

  end(): void {
    this.#hasEnded = true;
    this.#socket.end();
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #onData(connection: H2Connection, chunk: Buffer): void {
    if (this.#hasEnded) {
      this.#lateBytes += chunk.length;
      if (this.#lateBytes > maxLateBytes) this.#socket.destroy();
      return;
    }
    const isInTurn = this.#isTurn;
    this.#isTurn = true;
    connection.receive(chunk);
    if (!isInTurn) this.#endTurn();
  }

  #endTurn(): void {
    this.#isTurn = false;
    for (const fn of this.#deferred.splice(0)) fn();
  }
}
