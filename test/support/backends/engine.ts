import { EngineHost } from '../../../src/engine/engine-host.js';
import { EngineStore } from '../../../src/engine/engine-store.js';
import { NodeRuntime } from '../../../src/node/node-runtime.js';
import { type Backend, freshPrefix, type Opened } from '../backends.js';
import { Clients } from './clients.js';
import { nothingLeft } from './nothing-left.js';

/** The engine in this process, on real time. */
export function engineBackend(): Backend {
  return { name: 'the engine', pausable: false, open };
}

async function open(): Promise<Opened> {
  const runtime = new NodeRuntime();
  const host = new EngineHost(runtime);
  const clients = new Clients(() => new EngineStore(host));
  return {
    runtime,
    prefix: freshPrefix(runtime),
    store: clients.add(),
    connect: async () => clients.add(),
    // There are no connections to break.
    interrupt: async () => {},
    pause: notPausable,
    resume: notPausable,
    close: async () => {
      await clients.close();
      try {
        await nothingLeft(host);
      } finally {
        host.close();
      }
    },
  };
}

export async function notPausable(): Promise<void> {
  throw new Error('this backend cannot be paused');
}
