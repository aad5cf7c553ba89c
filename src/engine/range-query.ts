import { compareBytes, noBytes } from '../core/bytes.js';
import { etcdError } from '../store/etcd-errors.js';
import { type KeyValue, type RangeRequest, type RangeResponse, SortOrder, SortTarget } from '../store/messages.js';
import { keyRange } from './key-range.js';
import type { KeySpace } from './key-space.js';

type Order = (a: KeyValue, b: KeyValue) => number;

const orders: readonly Order[] = [
  (a, b) => compareBytes(a.key, b.key),
  (a, b) => compareInts(a.version, b.version),
  (a, b) => compareInts(a.createRevision, b.createRevision),
  (a, b) => compareInts(a.modRevision, b.modRevision),
  (a, b) => compareBytes(a.value, b.value),
];

/** Refuses what can be refused without looking at the store (protocol.md 1.2.1). */
export function checkRange(request: RangeRequest): void {
  if (request.key.length === 0) throw etcdError('emptyKey');
  const { sortOrder = SortOrder.none, sortTarget = SortTarget.key } = request;
  // etcd 3.4 and 3.5 die of an unknown target (#13554).
  if (![0, 1, 2].includes(sortOrder) || orders[sortTarget] === undefined) throw etcdError('invalidSortOption');
}

/** Everything of the answer but its header. */
export function runRange(space: KeySpace, request: RangeRequest): Omit<RangeResponse, 'header'> {
  const range = keyRange(request.key, request.rangeEnd);
  const revision = readRevision(space, request.revision ?? 0n);
  if (request.countOnly) return { kvs: [], more: false, count: BigInt(space.scan(range, revision, 0).count) };
  const limit = request.limit !== undefined && request.limit > 0n ? Number(request.limit) : Number.POSITIVE_INFINITY;
  const order = request.sortOrder ?? SortOrder.none;
  const drops = filterOf(request);
  // As in etcd, a sort by target alone (order `none`) sorts only what the limit let through.
  const all = order !== SortOrder.none || drops !== undefined;
  const scan = space.scan(range, revision, all ? Number.POSITIVE_INFINITY : limit + 1);
  const kvs = drops === undefined ? scan.kvs : scan.kvs.filter((kv) => !drops(kv));
  sort(kvs, order, request.sortTarget ?? SortTarget.key);
  const more = kvs.length > limit;
  if (more) kvs.length = limit;
  return { kvs: request.keysOnly ? kvs.map(withoutValue) : kvs, more, count: BigInt(scan.count) };
}

/** The revision to read at; undefined: the newest state (protocol.md 1.2.2). */
function readRevision(space: KeySpace, requested: bigint): bigint | undefined {
  if (requested > space.newestRevision) throw etcdError('futureRevision');
  if (requested <= 0n) return undefined;
  if (requested < space.compactRevision) throw etcdError('compacted');
  return requested === space.newestRevision ? undefined : requested;
}

/** Which keys to leave out; undefined if no filter is set. A bound of 0 is no bound, a negative maximum drops all. */
function filterOf(request: RangeRequest): ((kv: KeyValue) => boolean) | undefined {
  const { minModRevision = 0n, maxModRevision = 0n, minCreateRevision = 0n, maxCreateRevision = 0n } = request;
  if (![minModRevision, maxModRevision, minCreateRevision, maxCreateRevision].some((bound) => bound !== 0n)) {
    return undefined;
  }
  return ({ modRevision, createRevision }) =>
    (minModRevision !== 0n && modRevision < minModRevision) ||
    (maxModRevision !== 0n && modRevision > maxModRevision) ||
    (minCreateRevision !== 0n && createRevision < minCreateRevision) ||
    (maxCreateRevision !== 0n && createRevision > maxCreateRevision);
}

/** Ties stay in key order. */
function sort(kvs: KeyValue[], order: number, target: number): void {
  const compare = orders[target] as Order;
  if (order === SortOrder.descend) kvs.sort((a, b) => compare(b, a));
  else if (target !== SortTarget.key) kvs.sort(compare);
}

function withoutValue(kv: KeyValue): KeyValue {
  return { ...kv, value: noBytes };
}

function compareInts(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
