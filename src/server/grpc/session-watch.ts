import type { ServerHttp2Session } from 'node:http2';
import type { Runtime } from '../../core/runtime.js';
import type { ServerLimits } from './limits.js';

/**
 * Ends a connection whose peer does not finish the handshake, gives no sign of life, or makes no calls for long.
 *
 * The sign of life (a PING) is asked of every connection, not only of those that could have died unseen: Node 20's
 * http2 stops reading once nghttp2 is done with a session (after a GOAWAY, or after frames that it refused) and then
 * misses the end of the connection, with streams left open.
 */
export class SessionWatch {
  readonly #session: ServerHttp2Session;
  readonly #runtime: Runtime;
  readonly #limits: ServerLimits;
  readonly #hasCalls: () => boolean;
  #idleMs = 0;
  #isUsed = false;
  #stopTimer = () => {};

  constructor(session: ServerHttp2Session, runtime: Runtime, limits: ServerLimits, hasCalls: () => boolean) {
    this.#session = session;
    this.#runtime = runtime;
    this.#limits = limits;
    this.#hasCalls = hasCalls;
  }

  /** Its timers end with the connection. */
  start(): void {
    const session = this.#session;
    const { handshakeTimeoutMs } = this.#limits;
    this.#setTimer(handshakeTimeoutMs, () => session.destroy());
    session.once('remoteSettings', () => this.#rest());
    session.on('goaway', () => this.#endSoon());
    session.once('close', () => this.#stopTimer());
  }

  /** A call has begun. */
  use(): void {
    this.#isUsed = true;
  }

  #rest(): void {
    this.#setTimer(this.#limits.pingIntervalMs, () => this.#look());
  }

  #look(): void {
    this.#idleMs = this.#isUsed || this.#hasCalls() ? 0 : this.#idleMs + this.#limits.pingIntervalMs;
    this.#isUsed = false;
    if (this.#idleMs >= this.#limits.idleTimeoutMs) this.#session.close();
    this.#ping();
  }

  #ping(): void {
    this.#endSoon();
    const session = this.#session;
    if (session.destroyed || session.closed) return;
    session.ping((error) => {
      if (error === null && !session.destroyed) this.#rest();
    });
  }

  /** Unless there is a sign of life. Node sends no PING on a connection that is being closed: that one just ends. */
  #endSoon(): void {
    this.#setTimer(this.#limits.pingTimeoutMs, () => this.#session.destroy());
  }

  #setTimer(delayMs: number, fn: () => void): void {
    this.#stopTimer();
    this.#stopTimer = this.#runtime.setTimer(delayMs, fn);
  }
}
