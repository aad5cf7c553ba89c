import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Runtime } from '../core/runtime.js';
import { EngineHost } from '../engine/engine-host.js';
import { CountedService } from './gateway/call-counters.js';
import { Gateway } from './gateway/gateway.js';
import { Http1Server } from './gateway/http1-server.js';
import { Http2Exchange } from './gateway/http2-exchange.js';
import { metricsOf } from './gateway/metrics.js';
import type { Metric } from './gateway/prometheus.js';
import { SelfCheck } from './gateway/self-check.js';
import { Site } from './gateway/site.js';
import { visitorRules } from './gateway/visitor.js';
import { GrpcServer } from './grpc/grpc-server.js';
import { defaultLimits, type ServerLimits } from './grpc/limits.js';
import type { ReportBug } from './grpc/serve-call.js';
import { type ListenAddress, Listener } from './net/listener.js';
import type { TlsOptions } from './net/tls-gate.js';
import { createService, type ServiceOptions } from './service.js';

export interface ServerOptions extends ServiceOptions {
  readonly runtime: Runtime;
  readonly listen: ListenAddress;
  /** The engine to serve; stays open when the server closes. Default: a fresh one, closed with the server. */
  readonly host?: EngineHost | undefined;
  /** Of the engine that is made here: bytes that keys and their history may take. Default: no bound. */
  readonly quotaBytes?: number | undefined;
  readonly limits?: Partial<ServerLimits> | undefined;
  /** Serves TLS instead of plain text, on the same one port. */
  readonly tls?: TlsOptions | undefined;
  /**
   * Names by which HTTP requests may call this server, besides loopback ones, the address that the caller connected to
   * and the names in the certificate. `*`: any, which lets every web page call it that DNS can be bent for.
   */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Told of failures that are bugs of the server: the peer sees `INTERNAL` only. Default: nobody. */
  readonly onBug?: ReportBug | undefined;
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
  const host = options.host ?? new EngineHost(options.runtime, { quotaBytes: options.quotaBytes });
  try {
    const server = new PortServer(options, host);
    await server.listen();
    return server;
  } catch (error) {
    if (options.host === undefined) host.close();
    throw error;
  }
}

/** One port and all that is behind it. */
class PortServer implements Server {
  readonly host: EngineHost;
  readonly #options: ServerOptions;
  readonly #service: CountedService;
  readonly #check: SelfCheck;
  readonly #gateway: Gateway;
  readonly #grpc: GrpcServer;
  readonly #http1: Http1Server;
  readonly #listener: Listener;
  #port = 0;
  #closing: Promise<void> | undefined;

  constructor(options: ServerOptions, host: EngineHost) {
    const { runtime, onBug: report = () => {} } = options;
    const limits = { ...defaultLimits, ...options.limits };
    this.host = host;
    this.#options = options;
    const all = createService(host, { clientUrls: () => [this.url], ...options });
    const service = new CountedService(all);
    this.#service = service;
    // Its own questions are no calls of anybody, and need nobody's rights.
    this.#check = new SelfCheck(all.unguarded);
    this.#gateway = new Gateway({ runtime, limits, service, report });
    const site = new Site({
      rules: visitorRules(ownNames(options), (name) => this.#listener.isCertifiedFor(name)),
      gateway: this.#gateway,
      check: this.#check,
      metrics: () => this.#metrics(),
      report,
    });
    const serveHttp = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) =>
      site.serve(new Http2Exchange(stream, headers));
    this.#grpc = new GrpcServer({ runtime, limits, service, report, serveHttp });
    this.#http1 = new Http1Server(runtime, limits, site.serve);
    this.#listener = new Listener(runtime, limits, { http2: this.#grpc, http1: this.#http1 }, options.tls);
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    const { tls, listen } = this.#options;
    return `${tls === undefined ? 'http' : 'https'}://${reachableHost(listen.host)}:${this.#port}`;
  }

  async listen(): Promise<void> {
    this.#port = await this.#listener.listen(this.#options.listen);
  }

  replaceCertificates(tls: TlsOptions): void {
    this.#listener.replaceCertificates(tls);
  }

  stats(): { readonly sessions: number; readonly calls: number } {
    const { sessions, calls } = this.#grpc.stats();
    return { sessions: sessions + this.#http1.connections, calls: calls + this.#gateway.streams };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#listener.stop();
    this.#gateway.stop();
    await Promise.all([this.#grpc.close(), this.#http1.close()]);
    if (this.#options.host === undefined) this.host.close();
  }

  async #metrics(): Promise<readonly Metric[]> {
    const status = await this.#check.status();
    const connections = this.stats().sessions;
    return metricsOf({ counts: this.#service.counts(), engine: this.host.stats(), connections, status });
  }
}

/** Those that the operator chose; an address of all interfaces is no name of this server. */
function ownNames({ listen, allowedHosts = [] }: ServerOptions): readonly string[] {
  return listen.host === '0.0.0.0' || listen.host === '::' ? allowedHosts : [...allowedHosts, listen.host];
}

/** What a client on this machine writes for the address that is listened on. */
export function reachableHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
