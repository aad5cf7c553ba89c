import type { SecureContextOptions } from 'node:tls';
import type { Runtime } from '../../core/runtime.js';
import type { RpcChannel } from '../../wire/rpc-channel.js';
import { CallerStores } from '../concurrency/caller-stores.js';
import { concurrencyHandlers } from '../concurrency/handlers.js';
import { GrpcServer } from '../grpc/grpc-server.js';
import { defaultLimits, type ServerLimits } from '../grpc/limits.js';
import type { ReportBug } from '../grpc/serve-call.js';
import { type ListenAddress, Listener } from '../net/listener.js';
import { reachableHost, type Server } from '../server.js';
import { ServiceTable } from '../service-table.js';
import { MemberForwarder } from './member-forwarder.js';
import { Members } from './members.js';

export interface UpstreamServerOptions {
  readonly runtime: Runtime;
  readonly listen: ListenAddress;
  /** The cluster's members, as `http://host:port` or `https://host:port`; at least one. */
  readonly upstream: readonly string[];
  /** For `https:`. */
  readonly tls?: SecureContextOptions | undefined;
  /** One per member, for the locks and elections; closed with the server. */
  readonly channels: readonly RpcChannel[];
  readonly limits?: Partial<ServerLimits> | undefined;
  readonly onBug?: ReportBug | undefined;
}

/**
 * Serves locks and elections in front of an etcd cluster, and hands every other call on to it as it is. It keeps no
 * state of its own: any number of them may stand in front of one cluster.
 */
export async function startUpstreamServer(
  options: UpstreamServerOptions,
): Promise<Omit<Server, 'host' | 'replaceCertificates'>> {
  const { runtime, listen } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const stores = new CallerStores(runtime, options.channels);
  const { unary, duplex } = concurrencyHandlers(runtime, stores);
  const members = new Members(options.upstream, options.tls);
  const grpc = new GrpcServer({
    runtime,
    limits,
    service: new ServiceTable(unary, duplex),
    report: options.onBug ?? (() => {}),
    forwarder: () => new MemberForwarder(members, runtime),
  });
  const listener = new Listener(runtime, limits, { http2: grpc });
  const port = await listener.listen(listen).catch(async (error: unknown) => {
    await stores.close();
    throw error;
  });
  const close = async () => {
    listener.stop();
    await grpc.close();
    await stores.close();
  };
  let closing: Promise<void> | undefined;
  return {
    url: `http://${reachableHost(listen.host)}:${port}`,
    port,
    stats: () => grpc.stats(),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}
