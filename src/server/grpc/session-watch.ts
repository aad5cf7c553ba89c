import type { Runtime } from '../../core/runtime.js';
import type { ServerConnection } from '../http2/http2.js';
import type { ServerLimits } from './limits.js';

/**
 * Ends a connection whose peer does not finish the handshake, gives no sign of life, or makes no calls for long.
 *
 * The sign of life (a PING) is asked of every connection, not only of those that could have died unseen: Node 20's
 * http2 stops reading once nghttp2 is done with a session (after a GOAWAY, or after frames that it refused) and then
 * misses the end of the connection, with streams left open.
 */
export class SessionWatch {
  readonly #connection: ServerConnection;
  readonly #runtime: Runtime;
  readonly #limits: ServerLimits;
  readonly #hasCalls: () => boolean;
  #idleMs = 0;
  #isUsed = false;
  #stopTimer = () => {};

  constructor(connection: ServerConnection, runtime: Runtime, limits: ServerLimits, hasCalls: () => boolean) {
    this.#connection = connection;
    this.#runtime = runtime;
    this.#limits = limits;
    this.#hasCalls = hasCalls;
  }

  /** From now on the handshake has to be finished. */
  start(): void {
    this.#setTimer(this.#limits.handshakeTimeoutMs, () => this.#connection.destroy());
  }

  /** A call has begun. */
  use(): void {
    this.#isUsed = true;
  }

  /** There was a sign of life; for now no other is asked for. */
  rest(): void {
    this.#setTimer(this.#limits.pingIntervalMs, () => this.#look());
  }

  /** Unless there is a sign of life. */
  endSoon(): void {
    this.#setTimer(this.#limits.pingTimeoutMs, () => this.#connection.destroy());
  }

  stop(): void {
    this.#stopTimer();
  }

  #look(): void {
    this.#idleMs = this.#isUsed || this.#hasCalls() ? 0 : this.#idleMs + this.#limits.pingIntervalMs;
    this.#isUsed = false;
    if (this.#idleMs >= this.#limits.idleTimeoutMs) this.#connection.drain();
    this.endSoon();
    this.#connection.ping();
  }

  #setTimer(delayMs: number, fn: () => void): void {
    this.#stopTimer();
    this.#stopTimer = this.#runtime.setTimer(delayMs, fn);
  }
}
