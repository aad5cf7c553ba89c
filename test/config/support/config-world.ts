import type { ConfigChange } from '../../../src/config/change.js';
import { Config } from '../../../src/config/config.js';
import type { WatchedConfig } from '../../../src/config/watched-config.js';
import { utf8 } from '../../../src/core/bytes.js';
import type { Files } from '../../../src/core/files.js';
import type { Client, SimWorld } from '../../support/sim-world.js';

/** Files in memory; those that are in `broken` cannot be read or written. */
export class MemoryFiles implements Files {
  readonly texts = new Map<string, string>();
  readonly broken = new Set<string>();

  async read(path: string): Promise<string | undefined> {
    if (this.broken.has(path)) throw new Error(`${path}: EIO`);
    return this.texts.get(path);
  }

  async replace(path: string, text: string): Promise<void> {
    if (this.broken.has(path)) throw new Error(`${path}: EIO`);
    this.texts.set(path, text);
  }
}

/** The configuration of one process, over files in memory. */
export function configOf({ context }: Client, files: Files = new MemoryFiles()): Config {
  return new Config(context, files);
}

/** As etcdctl writes: past everything. One txn for all. */
export async function putRaw(world: SimWorld, values: Readonly<Record<string, string | null>>): Promise<bigint> {
  const success = Object.entries(values).map(([key, value]) =>
    value === null
      ? ({ type: 'deleteRange', request: { key: utf8(key) } } as const)
      : ({ type: 'put', request: { key: utf8(key), value: utf8(value) } } as const),
  );
  return (await world.truth.txn({ success })).header.revision;
}

export function removeAll(world: SimWorld): Promise<unknown> {
  const all = { key: new Uint8Array([0]), rangeEnd: new Uint8Array([0]) };
  return world.truth.txn({ success: [{ type: 'deleteRange', request: all }] });
}

/** Every change that is told, as it comes. */
export function collect<T>(config: WatchedConfig<T>): ConfigChange<T>[] {
  const told: ConfigChange<T>[] = [];
  config.events.on('change', (change) => told.push(change));
  return told;
}
