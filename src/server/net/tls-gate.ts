import { X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import { createSecureContext, createServer, type Server, type TLSSocket } from 'node:tls';
import { ConclaveError } from '../../core/errors.js';
import type { RpcPeer } from '../../wire/rpc-service.js';

/** Certificates in PEM. */
export interface TlsOptions {
  /** The server's own, with what lies between it and its authority. */
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** The authority that client certificates must come from. */
  readonly ca?: string | Buffer | undefined;
  /**
   * Whether who has none is turned away. Default, as in etcd: if there is a `ca`. With false a client may come without
   * one; one that does not hold is turned away all the same.
   */
  readonly requireClientCert?: boolean | undefined;
}

/** The handshake in front of the server's port: offers HTTP/2 and HTTP/1.1 and looks at client certificates. */
export class TlsGate {
  readonly #server: Server;
  readonly #requiresClientCert: boolean;
  #certificate: X509Certificate;

  /** Throws `INVALID_ARGUMENT` for certificates that cannot be used. */
  constructor(options: TlsOptions, handshakeTimeoutMs: number, onSecure: (socket: TLSSocket) => void) {
    this.#requiresClientCert = requiresClientCert(options);
    this.#certificate = checkedCertificate(options);
    this.#server = createServer({
      ...contextOf(options),
      ALPNProtocols: ['h2', 'http/1.1'],
      requestCert: options.ca !== undefined,
      rejectUnauthorized: this.#requiresClientCert,
      handshakeTimeout: handshakeTimeoutMs,
    });
    this.#server.on('secureConnection', (socket) => {
      // Whoever owns the socket by then sees its 'close' too.
      socket.on('error', () => socket.destroy());
      if (hasBadCertificate(socket)) socket.destroy();
      else onSecure(socket);
    });
  }

  /** Starts the handshake; a failed one closes the connection. */
  accept(socket: Socket): void {
    this.#server.emit('connection', socket);
  }

  /**
   * Later handshakes use these; connections stay. Throws `INVALID_ARGUMENT`, and changes nothing, for certificates that
   * cannot be used or rules for clients that are others.
   */
  replace(options: TlsOptions): void {
    if (requiresClientCert(options) !== this.#requiresClientCert) {
      throw new ConclaveError('INVALID_ARGUMENT', 'whether clients need certificates cannot be changed while serving');
    }
    const certificate = checkedCertificate(options);
    this.#server.setSecureContext(contextOf(options));
    this.#certificate = certificate;
  }

  /** Whether the certificate names `host`. */
  isFor(host: string): boolean {
    const found = isIP(host) === 0 ? this.#certificate.checkHost(host) : this.#certificate.checkIP(host);
    return found !== undefined;
  }
}

function requiresClientCert({ ca, requireClientCert }: TlsOptions): boolean {
  if (requireClientCert === true && ca === undefined) {
    // Else every certificate that anybody on the internet can get would do.
    throw new ConclaveError('INVALID_ARGUMENT', 'tls.requireClientCert needs tls.ca: whose certificates shall count?');
  }
  return requireClientCert ?? ca !== undefined;
}

function checkedCertificate(options: TlsOptions): X509Certificate {
  try {
    createSecureContext(contextOf(options));
    return new X509Certificate(options.cert);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConclaveError('INVALID_ARGUMENT', `the TLS certificates cannot be used: ${why}`, { cause });
  }
}

function contextOf({ cert, key, ca }: TlsOptions) {
  return { cert, key, ...(ca === undefined ? {} : { ca }), minVersion: 'TLSv1.2' } as const;
}

/** Came with a certificate, and it does not hold. */
function hasBadCertificate(socket: TLSSocket): boolean {
  return !socket.authorized && socket.getPeerX509Certificate() !== undefined;
}

/** Who is at the other end. */
export function peerOf(socket: Socket): RpcPeer {
  return { address: socket.remoteAddress, certificateName: certificateName(socket) };
}

/** Undefined without a certificate that was verified, or with one of several names. */
function certificateName(socket: Socket): string | undefined {
  // What HTTP/2 gives for its socket answers no `in`.
  const secure = socket as Partial<TLSSocket>;
  if (secure.authorized !== true) return undefined;
  // With several names it is an array, whatever the types say.
  const name: unknown = secure.getPeerCertificate?.().subject?.CN;
  return typeof name === 'string' && name !== '' ? name : undefined;
}
