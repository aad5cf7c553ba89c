import { createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { ConclaveError } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import type { ServerLimits } from '../grpc/limits.js';
import type { ConnectionSink } from './connection-sink.js';
import { detectProtocol } from './first-bytes.js';
import { TlsGate, type TlsOptions } from './tls-gate.js';

export interface ListenAddress {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
}

/** Who takes a connection, by its first bytes. Without `http1`, what is not HTTP/2 is closed. */
export interface Protocols {
  readonly http2: ConnectionSink;
  readonly http1?: ConnectionSink | undefined;
}

/** Keeps a NAT's table warm and finds peers whose machine is gone. */
const tcpKeepAliveMs = 30_000;

/** The server's port: counts connections, finds out what they speak and hands them on. With TLS, ALPN tells. */
export class Listener {
  readonly #runtime: Runtime;
  readonly #limits: ServerLimits;
  readonly #protocols: Protocols;
  readonly #server: Server;
  readonly #perAddress = new Map<string, number>();
  readonly #undecided = new Set<Socket>();
  readonly #gate: TlsGate | undefined;
  /** By the peer's address and port: ends the wait for a handshake. */
  readonly #handshakes = new Map<string, () => void>();

  /** Throws `INVALID_ARGUMENT` for certificates that cannot be used. */
  constructor(runtime: Runtime, limits: ServerLimits, protocols: Protocols, tls?: TlsOptions) {
    this.#runtime = runtime;
    this.#limits = limits;
    this.#protocols = protocols;
    this.#gate =
      tls === undefined ? undefined : new TlsGate(tls, limits.handshakeTimeoutMs, (socket) => this.#onSecure(socket));
    const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: tcpKeepAliveMs };
    this.#server = createServer(options, (socket) => this.#onConnection(socket));
    this.#server.maxConnections = limits.maxSessions;
  }

  /** Resolves with the port. Rejects with `UNAVAILABLE` naming the address when it cannot be had. */
  listen(address: ListenAddress): Promise<number> {
    return new Promise((resolve, reject) => {
      const onError = (cause: NodeJS.ErrnoException) => {
        const why = cause.code === 'EADDRINUSE' ? 'the address is in use' : cause.message;
        const text = `cannot listen on ${address.host}:${address.port}: ${why}`;
        reject(new ConclaveError('UNAVAILABLE', text, { retryable: false, cause }));
      };
      this.#server.once('error', onError);
      this.#server.listen(address.port, address.host, () => {
        this.#server.off('error', onError);
        // Failures to accept (no file descriptors left) end that connection, not the server.
        this.#server.on('error', () => {});
        resolve(portOf(this.#server));
      });
    });
  }

  /** Whether the server's certificate, if it has one, names `host`. */
  isCertifiedFor(host: string): boolean {
    return this.#gate?.isFor(host) ?? false;
  }

  /** For later connections. Throws `INVALID_ARGUMENT`, and changes nothing, if they cannot be used. */
  replaceCertificates(tls: TlsOptions): void {
    if (this.#gate === undefined) throw new ConclaveError('INVALID_ARGUMENT', 'this server has no TLS');
    this.#gate.replace(tls);
  }

  /** Takes no more connections and drops those that have not said what they speak. */
  stop(): void {
    if (this.#server.listening) this.#server.close();
    for (const socket of this.#undecided) socket.destroy();
  }

  #onConnection(socket: Socket): void {
    // Whoever owns the socket by then sees its 'close' too.
    socket.on('error', () => socket.destroy());
    const address = socket.remoteAddress ?? '';
    const count = (this.#perAddress.get(address) ?? 0) + 1;
    if (count > this.#limits.maxSessionsPerAddress) {
      socket.destroy();
      return;
    }
    this.#perAddress.set(address, count);
    socket.once('close', () => this.#release(address));
    if (this.#gate === undefined) this.#detect(socket);
    else this.#secure(socket, this.#gate);
  }

  #release(address: string): void {
    const count = (this.#perAddress.get(address) ?? 1) - 1;
    if (count > 0) this.#perAddress.set(address, count);
    else this.#perAddress.delete(address);
  }

  #detect(socket: Socket): void {
    const settle = this.#expect(socket, () => stopDetecting());
    const stopDetecting = detectProtocol(socket, (protocol) => {
      settle();
      this.#handOn(socket, protocol === 'http2');
    });
  }

  #secure(socket: Socket, gate: TlsGate): void {
    const peer = peerOf(socket);
    const settle = this.#expect(socket, () => this.#handshakes.delete(peer));
    this.#handshakes.set(peer, settle);
    gate.accept(socket);
  }

  #onSecure(socket: TLSSocket): void {
    this.#handshakes.get(peerOf(socket))?.();
    this.#handOn(socket, socket.alpnProtocol === 'h2');
  }

  /** Drops `socket` unless the function returned is called in time; that calls `clean` in any case. */
  #expect(socket: Socket, clean: () => void): () => void {
    this.#undecided.add(socket);
    const stopTimer = this.#runtime.setTimer(this.#limits.handshakeTimeoutMs, () => socket.destroy());
    const settle = () => {
      stopTimer();
      clean();
      this.#undecided.delete(socket);
      socket.off('close', settle);
    };
    socket.once('close', settle);
    return settle;
  }

  #handOn(socket: Socket, isHttp2: boolean): void {
    const sink = isHttp2 ? this.#protocols.http2 : this.#protocols.http1;
    if (sink === undefined) socket.destroy();
    else sink.accept(socket);
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new ConclaveError('INTERNAL', 'the server has no port');
  return address.port;
}
