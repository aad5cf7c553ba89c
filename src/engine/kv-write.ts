import { type Bytes, latin1, noBytes } from '../core/bytes.js';
import { etcdError } from '../store/etcd-errors.js';
import type { DeleteRangeRequest, KeyValue, PutRequest } from '../store/messages.js';
import { keyRange } from './key-range.js';
import type { KeySpace } from './key-space.js';
import type { LeaseTable } from './lease-table.js';

/** What a write changes: the keys, and which lease each of them hangs on. */
export interface WriteTarget {
  readonly space: KeySpace;
  readonly leases: LeaseTable;
}

/** Refuses a put on its own before anything is written: the lease comes first (protocol.md 1.3). */
export function checkPutTarget({ space, leases }: WriteTarget, request: PutRequest): void {
  const { lease = 0n } = request;
  if (lease !== 0n && !leases.has(lease)) throw etcdError('leaseNotFound');
  const needsKey = request.ignoreValue || request.ignoreLease;
  if (needsKey && space.get(latin1(request.key)) === undefined) throw etcdError('keyNotFound');
}

/** Returns what the key had before. Everything that can be refused has been. */
export function writePut({ space, leases }: WriteTarget, request: PutRequest): KeyValue | undefined {
  const text = latin1(request.key);
  const previous = space.get(text);
  const value = request.ignoreValue ? previous?.value : copyOf(space, request.value);
  const lease = (request.ignoreLease ? previous?.lease : request.lease) ?? 0n;
  space.put(text, value ?? noBytes, lease);
  if (previous !== undefined && previous.lease !== lease) leases.detach(previous.lease, text);
  if (lease !== 0n) leases.attach(lease, text);
  return previous;
}

/** Returns what was deleted, in key order. */
export function writeDeleteRange(target: WriteTarget, request: DeleteRangeRequest): readonly KeyValue[] {
  const range = keyRange(request.key, request.rangeEnd);
  const { kvs } = target.space.scan(range, undefined, Number.POSITIVE_INFINITY);
  for (const kv of kvs) deleteKey(target, latin1(kv.key), kv.lease);
  return kvs;
}

function deleteKey({ space, leases }: WriteTarget, text: string, lease: bigint): void {
  space.delete(text);
  if (lease !== 0n) leases.detach(lease, text);
}

/** The caller may write to its buffer as soon as the call is over. */
function copyOf(space: KeySpace, bytes: Bytes | undefined): Bytes {
  return bytes === undefined || bytes.length === 0 ? noBytes : space.own(bytes);
}
