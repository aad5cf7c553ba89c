import type { Runtime } from '../core/runtime.js';
import { EngineHost } from '../engine/engine-host.js';
import { GrpcServer } from './grpc/grpc-server.js';
import { defaultLimits, type ServerLimits } from './grpc/limits.js';
import type { ReportBug } from './grpc/serve-call.js';
import { type ListenAddress, Listener } from './net/listener.js';
import { createService, type ServiceOptions } from './service.js';

export interface ServerOptions extends ServiceOptions {
  readonly runtime: Runtime;
  readonly listen: ListenAddress;
  /** The engine to serve; stays open when the server closes. Default: a fresh one, closed with the server. */
  readonly host?: EngineHost | undefined;
  /** Of the engine that is made here: bytes that keys and their history may take. Default: no bound. */
  readonly quotaBytes?: number | undefined;
  readonly limits?: Partial<ServerLimits> | undefined;
  /** Told of failures that are bugs of the server: the peer sees `INTERNAL` only. Default: nobody. */
  readonly onBug?: ReportBug | undefined;
}

export interface Server {
  /** `http://host:port`, to give to a client. */
  readonly url: string;
  readonly port: number;
  readonly host: EngineHost;
  stats(): { readonly sessions: number; readonly calls: number };
  /** Ends calls with UNAVAILABLE `etcdserver: server stopped`, then connections; bounded by `closeGraceMs` twice. */
  close(): Promise<void>;
}

/** Serves etcd's API. Rejects with `UNAVAILABLE`, naming the address, if that cannot be listened on. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { runtime, listen } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const host = options.host ?? new EngineHost(runtime, { quotaBytes: options.quotaBytes });
  const closeHost = () => {
    if (options.host === undefined) host.close();
  };
  let url = '';
  const service = createService(host, { clientUrls: () => [url], ...options });
  const grpc = new GrpcServer({ runtime, limits, service, report: options.onBug ?? (() => {}) });
  const listener = new Listener(runtime, limits, { http2: grpc });
  const port = await listener.listen(listen).catch((error: unknown) => {
    closeHost();
    throw error;
  });
  url = `http://${reachableHost(listen.host)}:${port}`;
  const close = async () => {
    listener.stop();
    await grpc.close();
    closeHost();
  };
  let closing: Promise<void> | undefined;
  return {
    url,
    port,
    host,
    stats: () => grpc.stats(),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** What a client on this machine writes for the address that is listened on. */
export function reachableHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
