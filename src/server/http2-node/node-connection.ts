import type { ServerHttp2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { RpcPeer } from '../../wire/rpc-service.js';
import type { ConnectionListener, ServerConnection } from '../http2/http2.js';
import { peerOf } from '../net/tls-gate.js';

export class NodeConnection implements ServerConnection {
  readonly isSecure: boolean;
  readonly localAddress: string | undefined;
  readonly remoteAddress: string | undefined;
  readonly peer: RpcPeer;
  readonly #session: ServerHttp2Session;
  #listener: ConnectionListener | undefined;

  constructor(session: ServerHttp2Session) {
    this.#session = session;
    this.isSecure = session.encrypted ?? false;
    const socket = session.socket as Partial<TLSSocket>;
    this.localAddress = socket.localAddress;
    this.remoteAddress = socket.remoteAddress;
    this.peer = peerOf(session.socket);
  }

  /** Its last event is 'close'. */
  listen(listener: ConnectionListener): void {
    this.#listener = listener;
    const session = this.#session;
    session.on('error', () => session.destroy());
    session.once('remoteSettings', () => listener.onSettings());
    session.on('goaway', () => listener.onGoAway());
    session.once('close', () => listener.onClose());
  }

  drain(): void {
    this.#session.close();
  }

  /** Node sends no PING on a connection that is being closed. */
  ping(): void {
    const session = this.#session;
    if (session.destroyed || session.closed) return;
    session.ping((error) => {
      if (error === null && !session.destroyed) this.#listener?.onPong();
    });
  }

  destroy(): void {
    this.#session.destroy();
  }
}
