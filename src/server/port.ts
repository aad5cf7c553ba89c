import type { Runtime } from '../core/runtime.js';
import { type CallCounters, CountedService } from './gateway/call-counters.js';
import { Gateway } from './gateway/gateway.js';
import { Http1Server } from './gateway/http1-server.js';
import { Http2Exchange } from './gateway/http2-exchange.js';
import { metricsOf, type ServerFacts } from './gateway/metrics.js';
import type { Metric } from './gateway/prometheus.js';
import type { SelfCheck } from './gateway/self-check.js';
import { Site } from './gateway/site.js';
import { visitorRules } from './gateway/visitor.js';
import type { Forwarder } from './grpc/forwarder.js';
import { GrpcServer } from './grpc/grpc-server.js';
import { defaultLimits, type ServerLimits } from './grpc/limits.js';
import type { ReportBug } from './grpc/serve-call.js';
import type { GrpcService } from './grpc/service.js';
import type { Transport } from './grpc/transport.js';
import type { ServerStream } from './http2/server-stream.js';
import { type Http2Kind, http2Of } from './http2-kind.js';
import { type ListenAddress, Listener } from './net/listener.js';
import type { TlsOptions } from './net/tls-gate.js';

export interface PortOptions {
  readonly runtime: Runtime;
  readonly listen: ListenAddress;
  readonly limits?: Partial<ServerLimits> | undefined;
  /** Serves TLS instead of plain text, on the same one port. */
  readonly tls?: TlsOptions | undefined;
  /**
   * Names by which HTTP requests may call this server, besides loopback ones, the address that the caller connected to
   * and the names in the certificate. `*`: any, which lets every web page call it that DNS can be bent for.
   */
  readonly allowedHosts?: readonly string[] | undefined;
  /** What speaks HTTP/2. Default: our own. */
  readonly http2?: Http2Kind | undefined;
  /** Told of failures that are bugs of the server: the peer sees `INTERNAL` only. Default: nobody. */
  readonly onBug?: ReportBug | undefined;
}

/** What a port serves. */
export interface Served {
  /** Answers calls by gRPC. */
  readonly service: GrpcService;
  /** Made for each connection; takes the gRPC calls that `service` has no method for. Default: they are refused. */
  readonly forwarder?: (() => Forwarder) | undefined;
  /** Answers calls by HTTP. Default: as by gRPC. */
  readonly gatewayService?: GrpcService | undefined;
  readonly counters: CallCounters;
  readonly check: SelfCheck;
  /** Of the engine, if there is one behind it. */
  readonly engine: () => ServerFacts['engine'];
}

/** One port and all that is on it: gRPC, the JSON gateway and the pages; with TLS or without. */
export class Port {
  readonly #options: PortOptions;
  readonly #served: Served;
  readonly #gateway: Gateway;
  readonly #grpc: Transport;
  readonly #http1: Http1Server;
  readonly #listener: Listener;
  #number = 0;

  constructor(options: PortOptions, served: Served) {
    const { runtime, onBug: report = () => {} } = options;
    const limits = { ...defaultLimits, ...options.limits };
    this.#options = options;
    this.#served = served;
    const { counters, forwarder, check } = served;
    const service = new CountedService(served.service, counters);
    const gatewayService =
      served.gatewayService === undefined ? service : new CountedService(served.gatewayService, counters);
    this.#gateway = new Gateway({ runtime, limits, service: gatewayService, report });
    const site = new Site({
      rules: visitorRules(ownNames(options), (name) => this.#listener.isCertifiedFor(name)),
      gateway: this.#gateway,
      check,
      metrics: () => this.#metrics(),
      report,
    });
    const serveHttp = (stream: ServerStream, onGone: () => void) => {
      const exchange = new Http2Exchange(stream);
      exchange.onClose(onGone);
      site.serve(exchange);
    };
    const http2 = http2Of(options.http2 ?? 'own', runtime, limits, report);
    this.#grpc = new GrpcServer({ runtime, limits, service, report, serveHttp, forwarder, http2 });
    this.#http1 = new Http1Server(runtime, limits, site.serve);
    this.#listener = new Listener(runtime, limits, { http2: this.#grpc, http1: this.#http1 }, options.tls);
  }

  get number(): number {
    return this.#number;
  }

  /** `http://host:port`, or `https:`. */
  get url(): string {
    const { tls, listen } = this.#options;
    return `${tls === undefined ? 'http' : 'https'}://${reachableHost(listen.host)}:${this.#number}`;
  }

  async listen(): Promise<void> {
    this.#number = await this.#listener.listen(this.#options.listen);
  }

  replaceCertificates(tls: TlsOptions): void {
    this.#listener.replaceCertificates(tls);
  }

  /** Connections; calls of gRPC and streams of the gateway. */
  stats(): { readonly sessions: number; readonly calls: number } {
    const { sessions, calls } = this.#grpc.stats();
    return { sessions: sessions + this.#http1.connections, calls: calls + this.#gateway.streams };
  }

  /** Ends calls with UNAVAILABLE `etcdserver: server stopped`, then connections; bounded by `closeGraceMs` twice. */
  async close(): Promise<void> {
    this.#listener.stop();
    this.#gateway.stop();
    await Promise.all([this.#grpc.close(), this.#http1.close()]);
  }

  async #metrics(): Promise<readonly Metric[]> {
    const { check, counters, engine } = this.#served;
    // Where nobody answers there is still something to tell.
    const status = await check.status().catch(() => undefined);
    return metricsOf({ counts: counters.counts(), engine: engine(), connections: this.stats().sessions, status });
  }
}

/** Those that the operator chose; an address of all interfaces is no name of this server. */
function ownNames({ listen, allowedHosts = [] }: PortOptions): readonly string[] {
  return listen.host === '0.0.0.0' || listen.host === '::' ? allowedHosts : [...allowedHosts, listen.host];
}

/** What a client on this machine writes for the address that is listened on. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
