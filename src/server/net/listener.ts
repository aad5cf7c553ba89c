import { createServer, type Server, type Socket } from 'node:net';
import { ConclaveError } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import type { ServerLimits } from '../grpc/limits.js';
import type { ConnectionSink } from './connection-sink.js';
import { detectProtocol } from './first-bytes.js';

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

/** The server's port: counts connections, finds out what they speak and hands them on. */
export class Listener {
  readonly #runtime: Runtime;
  readonly #limits: ServerLimits;
  readonly #protocols: Protocols;
  readonly #server: Server;
  readonly #perAddress = new Map<string, number>();
  readonly #undecided = new Set<Socket>();

  constructor(runtime: Runtime, limits: ServerLimits, protocols: Protocols) {
    this.#runtime = runtime;
    this.#limits = limits;
    this.#protocols = protocols;
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
    this.#detect(socket);
  }

  #release(address: string): void {
    const count = (this.#perAddress.get(address) ?? 1) - 1;
    if (count > 0) this.#perAddress.set(address, count);
    else this.#perAddress.delete(address);
  }

  #detect(socket: Socket): void {
    this.#undecided.add(socket);
    const stopTimer = this.#runtime.setTimer(this.#limits.handshakeTimeoutMs, () => socket.destroy());
    const settle = () => {
      stopTimer();
      stopDetecting();
      this.#undecided.delete(socket);
      socket.off('close', settle);
    };
    const stopDetecting = detectProtocol(socket, (protocol) => {
      settle();
      const sink = protocol === 'http2' ? this.#protocols.http2 : this.#protocols.http1;
      if (sink === undefined) socket.destroy();
      else sink.accept(socket);
    });
    socket.once('close', settle);
  }
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new ConclaveError('INTERNAL', 'the server has no port');
  return address.port;
}
