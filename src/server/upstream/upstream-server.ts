import type { TlsOptions } from '../../http2-client/endpoint-options.js';
import { Endpoints } from '../../wire/endpoints.js';
import type { RpcChannel } from '../../wire/rpc-channel.js';
import { CallerStores } from '../concurrency/caller-stores.js';
import { concurrencyHandlers } from '../concurrency/handlers.js';
import { CallCounters } from '../gateway/call-counters.js';
import { SelfCheck } from '../gateway/self-check.js';
import { Port, type PortOptions } from '../port.js';
import type { Server } from '../server.js';
import { ServiceTable } from '../service-table.js';
import { clusterHandlers } from './cluster-handlers.js';
import { MemberForwarder } from './member-forwarder.js';
import { Members } from './members.js';

export interface UpstreamServerOptions extends PortOptions {
  /** The cluster's members, as `http://host:port` or `https://host:port`; at least one. */
  readonly upstream: readonly string[];
  /** For members behind `https:`. */
  readonly upstreamTls?: TlsOptions | undefined;
  /** One per member, for what is not handed on as it comes; closed with the server. */
  readonly channels: readonly RpcChannel[];
}

/**
 * Serves locks and elections in front of an etcd cluster, and the JSON gateway and pages; hands every other call by
 * gRPC on to it as it is. It keeps no state of its own: any number of them may stand in front of one cluster.
 */
export async function startUpstreamServer(options: UpstreamServerOptions): Promise<Omit<Server, 'host'>> {
  const { runtime } = options;
  const stores = new CallerStores(runtime, options.channels);
  const { unary, duplex } = concurrencyHandlers(runtime, stores);
  const cluster = clusterHandlers(runtime, new Endpoints(options.channels));
  const members = new Members(options.upstream, options.upstreamTls);
  const counters = new CallCounters();
  const port = new Port(options, {
    service: new ServiceTable(unary, duplex),
    forwarder: () => new MemberForwarder(members, runtime, counters),
    gatewayService: new ServiceTable([...unary, ...cluster.unary], [...duplex, ...cluster.duplex]),
    counters,
    check: new SelfCheck(new ServiceTable(cluster.unary, [])),
    engine: () => undefined,
  });
  await port.listen().catch(async (error: unknown) => {
    await stores.close();
    throw error;
  });
  const close = async () => {
    await port.close();
    await stores.close();
  };
  let closing: Promise<void> | undefined;
  return {
    url: port.url,
    port: port.number,
    replaceCertificates: (tls) => port.replaceCertificates(tls),
    stats: () => port.stats(),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}
