import type { Runtime } from '../core/runtime.js';
import { EngineHost } from '../engine/engine-host.js';

/** History that an embedded store keeps at least: for watches to catch up from, and bounded, as nobody compacts it. */
export const retainRevisions = 10_000n;

interface Shared {
  readonly host: EngineHost;
  users: number;
}

/**
 * The embedded stores that `connect('memory:name')` shares within a process. The one module-level state of this
 * package: sharing by name within a process is what the name is for. A store lives as long as somebody is connected
 * to it.
 */
const shared = new Map<string, Shared>();

/** An embedded store and how to give it back. */
export interface Borrowed {
  readonly host: EngineHost;
  giveBack(): void;
}

export function borrowMemoryHost(name: string | undefined, runtime: Runtime): Borrowed {
  if (name === undefined) {
    const host = new EngineHost(runtime, { retainRevisions });
    return { host, giveBack: () => host.close() };
  }
  const entry = shared.get(name) ?? { host: new EngineHost(runtime, { retainRevisions }), users: 0 };
  entry.users += 1;
  shared.set(name, entry);
  return {
    host: entry.host,
    giveBack: () => {
      entry.users -= 1;
      if (entry.users > 0) return;
      shared.delete(name);
      entry.host.close();
    },
  };
}
