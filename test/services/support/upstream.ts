import { H2Channel } from '../../../src/channels/h2-channel.js';
import type { Scope } from '../../../src/core/scope.js';
import { NodeRuntime } from '../../../src/node/node-runtime.js';
import { startUpstreamServer } from '../../../src/server/upstream/upstream-server.js';
import { freePorts } from '../../support/etcd/free-ports.js';
import { type RunningEtcd, startEtcd } from '../../support/etcd.js';

const runtime = new NodeRuntime();

/** Our server in front of the members `urls`; its URL. */
export async function inFrontOf(scope: Scope, ...urls: string[]): Promise<string> {
  const channels = urls.map((url) => new H2Channel({ address: new URL(url).host }));
  const listen = { host: '127.0.0.1', port: 0 };
  const server = await startUpstreamServer({ runtime, listen, upstream: urls, channels });
  scope.add(() => server.close());
  return server.url;
}

/** Three members of one cluster, as processes of this machine. */
export async function startThree(scope: Scope): Promise<RunningEtcd[]> {
  const peers = (await freePorts(3)).map((port) => `http://127.0.0.1:${port}`);
  const cluster = peers.map((peer, i) => `m${i}=${peer}`).join(',');
  return Promise.all(
    peers.map(async (peer, i) => {
      const args = () => [
        ...['--name', `m${i}`, '--initial-cluster', cluster],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ];
      const etcd = await startEtcd({ args });
      scope.add(() => etcd.stop());
      return etcd;
    }),
  );
}
