import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineStore } from '../../../src/engine/engine-store.js';
import { NodeRuntime } from '../../../src/node/node-runtime.js';
import { openDurableHost } from '../../../src/storage/durable-host.js';
import { type Backend, freshPrefix, type Opened } from '../backends.js';
import { Clients } from './clients.js';
import { notPausable } from './engine.js';
import { nothingLeft } from './nothing-left.js';

/** The engine in this process, on real time, on a disk. */
export function fileBackend({ fsync = true } = {}): Backend {
  const name = fsync ? 'the engine on disk' : 'the engine on disk, without syncs';
  return { name, pausable: false, open: () => open(fsync) };
}

async function open(fsync: boolean): Promise<Opened> {
  const runtime = new NodeRuntime();
  const dir = await mkdtemp(join(tmpdir(), 'conclave-file-'));
  const durable = await openDurableHost({ runtime, dir, pid: process.pid, checkpointBytes: 1_000, fsync });
  const clients = new Clients(() => new EngineStore(durable.host));
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
        await nothingLeft(durable.host);
      } finally {
        await durable.close();
        await rm(dir, { recursive: true });
      }
    },
  };
}
