import { H2Channel } from '../../src/channels/h2-channel.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { createdAt, put, remove } from '../../src/store/ops.js';
import type { Store } from '../../src/store/store.js';
import { RpcStore } from '../../src/wire/rpc-store.js';

/** The floor under everything that a recipe does: its requests, with nothing around them. */
export function bareStore(url: string): Store {
  return new RpcStore({ channels: [new H2Channel({ address: new URL(url).host })], runtime: new NodeRuntime() });
}

/** What a lock costs at least: a guarded create, and a guarded delete. */
export async function lockCycle(store: Store, key: string): Promise<void> {
  const { header } = await store.txn({ compare: [createdAt(key, 0n)], success: [put(key, 'held')] });
  await store.txn({ compare: [createdAt(key, header.revision)], success: [remove(key)] });
}
