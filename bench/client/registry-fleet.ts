import { entryOf } from '../../src/registry/codec.js';
import { goNaming } from '../../src/registry/codecs/go-naming.js';
import { put } from '../../src/store/ops.js';
import type { Store } from '../../src/store/store.js';
import type { Discoverer } from './registry-job.js';

export const instanceCount = 10_000;

/** Where the rows' services are, so that they disturb no other row. */
export const namespace = 'bench-registry/';

/** Each has a service of its own with the same instances: nobody hears of the other's changes. */
export const serviceOf: Readonly<Record<Discoverer, string>> = { conclave: 'ours', 'npm etcd3': 'theirs' };

export function prefixOf(how: Discoverer): string {
  return `${namespace}services/${serviceOf[how]}/`;
}

/** One instance as `register` writes it. `note`: what changes of it. */
export function putInstance(how: Discoverer, i: number, note: string, leaseId: bigint) {
  const id = `instance-${String(i).padStart(5, '0')}`;
  const spec = { address: `10.0.${i >> 8}.${i & 255}:8080`, zone: `eu-${i % 3}`, version: '1.4.2', protocol: 'grpc' };
  const owner = i.toString(16).padStart(32, '0');
  const entry = entryOf({ ...spec, metadata: { note } }, { owner, startedAtMs: 1_790_000_000_000 });
  return put(`${prefixOf(how)}${id}`, goNaming.encode(entry, { service: serviceOf[how], id }), { leaseId });
}

/** etcd takes 128 requests a txn. */
const putsPerTxn = 100;

/** Longer than any run. */
const ttlS = 86_400n;

/** Every instance of both services, on one lease, which is returned. */
export async function fillFleets(store: Store): Promise<bigint> {
  const { id: leaseId } = await store.leaseGrant({ ttl: ttlS });
  for (const how of ['conclave', 'npm etcd3'] as const) {
    for (let from = 0; from < instanceCount; from += putsPerTxn) {
      const puts = Array.from({ length: putsPerTxn }, (_, i) => putInstance(how, from + i, 'first', leaseId));
      await store.txn({ success: puts });
    }
  }
  return leaseId;
}
