import { Etcd3 } from 'etcd3';
import { H2Channel } from '../../../src/channels/h2-channel.js';
import { NodeRuntime } from '../../../src/node/node-runtime.js';
import type { RpcChannel } from '../../../src/wire/rpc-channel.js';
import { RpcStore } from '../../../src/wire/rpc-store.js';
import { type Backend, freshPrefix, type Opened, type OpenOptions } from '../backends.js';
import { type RunningEtcd, sharedEtcd, startEtcd } from '../etcd.js';
import { Clients } from './clients.js';

/** Real etcd through our own gRPC channel. */
export function etcdBackend(): Backend {
  return backend('real etcd', async (url) => {
    const channel = () => new H2Channel({ address: new URL(url).host });
    return { channel, close: () => {} };
  });
}

/** Real etcd through a borrowed npm `etcd3` client. */
export function npmEtcd3Backend(): Backend {
  return backend('npm etcd3', async (url) => {
    const { Etcd3Channel } = await import('../../../src/channels/etcd3-channel.js');
    const client = new Etcd3({ hosts: url });
    return { channel: () => new Etcd3Channel(client), close: () => client.close() };
  });
}

type Connector = (url: string) => Promise<{ channel(): RpcChannel; close(): void }>;

function backend(name: string, connector: Connector): Backend {
  const shared = sharedEtcd();
  return {
    name,
    pausable: true,
    missing: 'missing' in shared ? shared.missing : undefined,
    open: (options) => open(connector, options),
  };
}

async function open(connector: Connector, options: OpenOptions = {}): Promise<Opened> {
  const own = options.exclusive === true ? await startEtcd() : undefined;
  const runtime = new NodeRuntime();
  const { channel, close } = await connector(own?.url ?? sharedUrl());
  const clients = new Clients(() => new RpcStore({ channels: [channel()], runtime }));
  return {
    runtime,
    prefix: freshPrefix(runtime),
    store: clients.add(),
    connect: async () => clients.add(),
    async interrupt() {
      await mine(own).kill();
      await mine(own).restart();
    },
    pause: () => mine(own).pause(),
    resume: () => mine(own).resume(),
    async close() {
      await clients.close();
      close();
      await own?.stop();
    },
  };
}

function mine(etcd: RunningEtcd | undefined): RunningEtcd {
  if (etcd === undefined) throw new Error('open it with `exclusive`: the shared etcd is used by others too');
  return etcd;
}

function sharedUrl(): string {
  const shared = sharedEtcd();
  if ('missing' in shared) throw new Error(shared.missing);
  return shared.url;
}
