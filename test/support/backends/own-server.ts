import { H2Channel } from '../../../src/channels/h2-channel.js';
import { EngineHost } from '../../../src/engine/engine-host.js';
import { NodeRuntime } from '../../../src/node/node-runtime.js';
import { startServer } from '../../../src/server/server.js';
import { RpcStore } from '../../../src/wire/rpc-store.js';
import { type Backend, freshPrefix, type Opened } from '../backends.js';
import { Clients } from './clients.js';
import { notPausable } from './engine.js';
import { nothingLeft } from './nothing-left.js';

/** Our server on a socket of this process, our client on another. */
export function ownServerBackend(): Backend {
  return { name: 'our own server', pausable: false, open };
}

async function open(): Promise<Opened> {
  const runtime = new NodeRuntime();
  const host = new EngineHost(runtime);
  let server = await startServer({ runtime, host, listen: { host: '127.0.0.1', port: 0 } });
  const { port } = server;
  const address = `127.0.0.1:${port}`;
  const clients = new Clients(() => new RpcStore({ channels: [new H2Channel({ address })], runtime }));
  return {
    runtime,
    prefix: freshPrefix(runtime),
    store: clients.add(),
    connect: async () => clients.add(),
    async interrupt() {
      await server.close();
      server = await startServer({ runtime, host, listen: { host: '127.0.0.1', port } });
    },
    pause: notPausable,
    resume: notPausable,
    async close() {
      await clients.close();
      try {
        await nothingLeft(host);
      } finally {
        await server.close();
        host.close();
      }
    },
  };
}
