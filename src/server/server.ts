import { EngineHost } from '../engine/engine-host.js';
import { CallCounters } from './gateway/call-counters.js';
import { SelfCheck } from './gateway/self-check.js';
import type { TlsOptions } from './net/tls-gate.js';
import { Port, type PortOptions } from './port.js';
import { createService, type ServiceOptions } from './service.js';

export interface ServerOptions extends ServiceOptions, PortOptions {
  readonly runtime: PortOptions['runtime'];
  /** The engine to serve; stays open when the server closes. Default: a fresh one, closed with the server. */
  readonly host?: EngineHost | undefined;
  /** Of the engine that is made here: bytes that keys and their history may take. Default: no bound. */
  readonly quotaBytes?: number | undefined;
  /** Of the engine that is made here: it compacts by itself, and keeps so many revisions. Default: all. */
  readonly retainRevisions?: bigint | undefined;
}

export interface Server {
  /** `http://host:port`, or `https:`, to give to a client. */
  readonly url: string;
  readonly port: number;
  readonly host: EngineHost;
  /** For later connections. Throws `INVALID_ARGUMENT`, and goes on with the old ones, if they cannot be used. */
  replaceCertificates(tls: TlsOptions): void;
  /** Connections; calls of gRPC and streams of the gateway. */
  stats(): { readonly sessions: number; readonly calls: number };
  /** Ends calls with UNAVAILABLE `etcdserver: server stopped`, then connections; bounded by `closeGraceMs` twice. */
  close(): Promise<void>;
}

/**
 * Serves etcd's API. Rejects with `UNAVAILABLE`, naming the address, if that cannot be listened on, with
 * `INVALID_ARGUMENT` for certificates that cannot be used.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { runtime, quotaBytes, retainRevisions } = options;
  const host = options.host ?? new EngineHost(runtime, { quotaBytes, retainRevisions });
  try {
    const server = new PortServer(options, host);
    await server.listen();
    return server;
  } catch (error) {
    if (options.host === undefined) host.close();
    throw error;
  }
}

/** An engine on a port. */
class PortServer implements Server {
  readonly host: EngineHost;
  readonly #ownsHost: boolean;
  readonly #port: Port;
  #closing: Promise<void> | undefined;

  constructor(options: ServerOptions, host: EngineHost) {
    this.host = host;
    this.#ownsHost = options.host === undefined;
    const service = createService(host, { clientUrls: () => [this.url], ...options });
    this.#port = new Port(options, {
      service,
      counters: new CallCounters(),
      // Its own questions are no calls of anybody, and need nobody's rights.
      check: new SelfCheck(service.unguarded),
      engine: () => host.stats(),
    });
  }

  get port(): number {
    return this.#port.number;
  }

  get url(): string {
    return this.#port.url;
  }

  listen(): Promise<void> {
    return this.#port.listen();
  }

  replaceCertificates(tls: TlsOptions): void {
    this.#port.replaceCertificates(tls);
  }

  stats(): { readonly sessions: number; readonly calls: number } {
    return this.#port.stats();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#port.close();
    if (this.#ownsHost) this.host.close();
  }
}
