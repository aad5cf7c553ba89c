import { noBytes, utf8Text } from '../../src/core/bytes.js';
import { put } from '../../src/store/ops.js';
import type { Store } from '../../src/store/store.js';

export const dayMs = 86_400_000;

/**
 * Sets the next tick of the schedule at `key`, as if nobody had seen to it since: nobody waits for three in the
 * morning. Resolves to the revision.
 */
export async function setNextTick(store: Store, key: Uint8Array, nextMs: number): Promise<bigint> {
  const [kv] = (await store.range({ key })).kvs;
  const said = JSON.parse(utf8Text(kv?.value ?? noBytes)) as object;
  return (await store.txn({ success: [put(key, JSON.stringify({ ...said, nextMs }))] })).header.revision;
}
