import { modifiedAt, put } from '../../src/store/ops.js';
import type { Store } from '../../src/store/store.js';

/** What one does without a recipe: read, add, put guarded by what was read, and again when somebody was faster. */
export async function incrementBare(store: Store, key: string): Promise<bigint> {
  // Bounded by the others: each turn more means that one of them has added.
  for (;;) {
    const [kv] = (await store.range({ key: Buffer.from(key) })).kvs;
    const next = BigInt(kv === undefined ? 0 : Buffer.from(kv.value).toString()) + 1n;
    const compare = [modifiedAt(key, kv?.modRevision ?? 0n)];
    if ((await store.txn({ compare, success: [put(key, `${next}`)] })).succeeded) return next;
  }
}
