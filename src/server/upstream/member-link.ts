import { type ClientHttp2Session, connect } from 'node:http2';
import { ConclaveError } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import type { Members } from './members.js';

/** A member that does not take a connection, or leaves a sign of life unanswered, for this long is left. */
const connectTimeoutMs = 3_000;
const pingTimeoutMs = 5_000;
/** How often a member with open calls is asked for a sign of life; etcd refuses it more often than every 5 s. */
const pingIntervalMs = 10_000;

const settings = { enablePush: false, initialWindowSize: 1024 * 1024 };

/**
 * The connection to a member over which the calls of one client's connection go. One for each, so that a client that
 * does not read holds up nobody else: all streams of an HTTP/2 connection share one window.
 */
export class MemberLink {
  readonly #members: Members;
  readonly #runtime: Runtime;
  #session: Promise<ClientHttp2Session> | undefined;
  readonly #open = new Set<ClientHttp2Session>();
  #isClosed = false;

  constructor(members: Members, runtime: Runtime) {
    this.#members = members;
    this.#runtime = runtime;
  }

  /** A connection that stands. Rejects with `UNAVAILABLE`, not applied, if no member takes one. */
  session(): Promise<ClientHttp2Session> {
    this.#session ??= this.#connectToAny();
    const session = this.#session;
    session.catch(() => this.#forget(session));
    return session;
  }

  close(): void {
    this.#isClosed = true;
    for (const session of this.#open) session.destroy();
  }

  #forget(session: Promise<ClientHttp2Session>): void {
    if (this.#session === session) this.#session = undefined;
  }

  async #connectToAny(): Promise<ClientHttp2Session> {
    let last: unknown;
    // Bounded: each member is asked once.
    for (let left = this.#members.count; left > 0 && !this.#isClosed; left--) {
      const url = this.#members.current;
      try {
        return await this.#connect(url);
      } catch (error) {
        last = error;
        this.#members.leave(url);
      }
    }
    const why = last instanceof Error ? last.message : 'the connection was closed';
    throw new ConclaveError('UNAVAILABLE', `conclave: no member of the upstream cluster answers: ${why}`);
  }

  #connect(url: string): Promise<ClientHttp2Session> {
    return new Promise((resolve, reject) => {
      const session = connect(url, { ...this.#members.tls, settings });
      this.#open.add(session);
      const tooLate = new Error(`${url}: no connection within ${connectTimeoutMs} ms`);
      const stopTimer = this.#runtime.setTimer(connectTimeoutMs, () => session.destroy(tooLate));
      session.once('remoteSettings', () => {
        stopTimer();
        this.#watch(session, url);
        resolve(session);
      });
      session.on('error', (error) => reject(error));
      session.once('close', () => {
        stopTimer();
        this.#open.delete(session);
        reject(new Error(`${url}: the connection was closed`));
      });
    });
  }

  /** No call starts on a connection that is ending, and a member that ended it is not asked next. */
  #watch(session: ClientHttp2Session, url: string): void {
    session.setLocalWindowSize(8 * 1024 * 1024);
    const mine = this.#session;
    const leave = () => {
      if (mine !== undefined) this.#forget(mine);
      if (!this.#isClosed) this.#members.leave(url);
    };
    session.once('goaway', leave);
    session.once('close', leave);
    this.#ping(session);
  }

  #ping(session: ClientHttp2Session): void {
    let stopTimer = this.#runtime.setTimer(pingIntervalMs, () => {
      stopTimer = this.#runtime.setTimer(pingTimeoutMs, () => session.destroy());
      session.ping((error) => {
        stopTimer();
        if (error === null && !session.destroyed) this.#ping(session);
      });
    });
    session.once('close', () => stopTimer());
  }
}
