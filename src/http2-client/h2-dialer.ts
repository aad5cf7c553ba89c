import { connect, isIP, type NetConnectOpts, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import type { EndpointOptions, TlsOptions } from './endpoint-options.js';

/** Takes what came, `bytes[start, end)`, which nobody changes later. */
export type Receive = (bytes: Buffer, start: number, end: number) => void;

/** Opens sockets to one endpoint. Knows nothing of proxies, in the environment or elsewhere. */
export class H2Dialer {
  readonly isSecure: boolean;
  /** What requests name as `:authority`. */
  readonly authority: string;
  readonly #place: NetConnectOpts & { readonly host?: string };
  readonly #tls: TlsOptions | undefined;
  /** Read from PEM once, by the first connection. */
  #context: SecureContext | undefined;

  constructor({ address, tls }: EndpointOptions) {
    this.#tls = tls;
    this.isSecure = tls !== undefined;
    this.#place = placeOf(address);
    this.authority = address.startsWith('unix:') ? 'localhost' : address;
  }

  /**
   * A socket under way; it tells by its events what becomes of it, and `receive` what comes.
   * @throws what TLS says of keys that are none.
   */
  dial(receive: Receive): Socket {
    if (this.#tls === undefined) return connect({ ...this.#place, noDelay: true, onread: intoOneBuffer(receive) });
    this.#context ??= createSecureContext({
      ca: buffer(this.#tls.ca),
      cert: buffer(this.#tls.cert),
      key: buffer(this.#tls.key),
    });
    const { host } = this.#place;
    // A server's name may be no IP address (RFC 6066, 3).
    const named = host === undefined || isIP(host) !== 0 ? {} : { servername: host };
    const socket = connectTls({ ...this.#place, ...named, secureContext: this.#context, ALPNProtocols: ['h2'] });
    socket.setNoDelay(true);
    socket.on('data', (chunk) => receive(chunk, 0, chunk.length));
    return socket;
  }

  /** The event that tells that bytes can flow. */
  get openEvent(): 'connect' | 'secureConnect' {
    return this.isSecure ? 'secureConnect' : 'connect';
  }

  /** Why an open socket is of no use; undefined: it is. */
  fault(socket: Socket): string | undefined {
    if (!this.isSecure || (socket as TLSSocket).alpnProtocol === 'h2') return undefined;
    return 'the server does not offer HTTP/2 (ALPN h2)';
  }
}

/** As much as Node reads at once. */
const readBytes = 65_536;

/**
 * Pieces of what came share a buffer of this size, if they are small: as large as Node's own pool. Whoever keeps one
 * for long keeps a copy (`keepKeyValue`). Measured, with eight events of a watch a read: 4.2 µs of CPU an event, with
 * 1 KiB 5.0.
 */
const sharedBytes = 8_192;

/**
 * Without `Readable` and a new buffer of `readBytes` for each read: measured, 49 instead of 59 µs of CPU an event of a
 * watch. What came is copied out of it, since messages are views.
 */
function intoOneBuffer(receive: Receive) {
  const buffer = Buffer.allocUnsafeSlow(readBytes);
  let shared = Buffer.alloc(0);
  let used = 0;
  const callback = (length: number) => {
    if (used + length > shared.length) {
      shared = Buffer.allocUnsafeSlow(Math.max(length, sharedBytes));
      used = 0;
    }
    const start = used;
    used += buffer.copy(shared, start, 0, length);
    receive(shared, start, used);
    return true;
  };
  return { buffer, callback };
}

function placeOf(address: string): NetConnectOpts & { readonly host?: string } {
  const unix = /^unix:(?:\/\/(?=\/))?(.+)$/.exec(address)?.[1];
  if (unix !== undefined) return { path: unix };
  const [, host = address, port = '2379'] = /^(.*):(\d+)$/.exec(address) ?? [];
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

function buffer(pem: Uint8Array | string | undefined): Buffer | undefined {
  if (pem === undefined) return undefined;
  return typeof pem === 'string' ? Buffer.from(pem, 'utf8') : Buffer.from(pem);
}
