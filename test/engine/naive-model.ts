import { noBytes } from '../../src/core/bytes.js';
import type {
  Compare,
  DeleteRangeRequest,
  Event,
  KeyValue,
  PutRequest,
  RangeRequest,
  RequestOp,
  ResponseOp,
  TxnRequest,
  TxnResponse,
  WatchCreateRequest,
} from '../../src/store/messages.js';

/** One change ever made. Nothing is ever forgotten here: compaction only forbids to look. */
interface Written {
  readonly revision: bigint;
  readonly deleted: boolean;
  readonly kv: KeyValue;
}

const mvcc = 'etcdserver: mvcc: required revision';
const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? noBytes).toString('latin1');
const header = (revision: bigint) => ({ clusterId: 0n, memberId: 0n, revision, raftTerm: 0n });
const compareBig = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);

function within(key: string, of: { key: Uint8Array; rangeEnd?: Uint8Array | undefined }): boolean {
  const end = text(of.rangeEnd);
  if (end === '') return key === text(of.key);
  return key >= text(of.key) && (end === '\0' || key < end);
}

/** etcd's key-value model as one list of changes, every answer by looking through all of it. */
export class NaiveModel {
  revision = 1n;
  #compactRevision = -1n;
  #written: Written[] = [];
  readonly #leases = new Map<bigint, bigint>();

  range(request: RangeRequest) {
    const { revision = 0n } = request;
    if (revision > this.revision) throw new Error(`${mvcc} is a future revision`);
    if (revision > 0n && revision < this.#compactRevision) throw new Error(`${mvcc} has been compacted`);
    return { header: header(this.revision), ...this.#select(request) };
  }

  txn(request: TxnRequest) {
    for (const branch of [request.success, request.failure]) this.#checkOverlap(branch ?? []);
    const before = this.#stateAt(this.revision);
    this.#checkPath(request, before);
    const next = this.revision + 1n;
    const result = this.#run(request, before, next);
    if (this.#written.some((each) => each.revision === next)) this.revision = next;
    return { header: header(this.revision), ...result };
  }

  compact({ revision = 0n }: { revision?: bigint }) {
    if (revision <= this.#compactRevision) throw new Error(`${mvcc} has been compacted`);
    if (revision > this.revision) throw new Error(`${mvcc} is a future revision`);
    this.#compactRevision = revision;
    return { header: header(this.revision) };
  }

  leaseGrant({ id = 0n, ttl = 0n }: { id?: bigint; ttl?: bigint }) {
    if (this.#leases.has(id)) throw new Error('etcdserver: lease already exists');
    this.#leases.set(id, ttl);
    return { header: header(this.revision), id, ttl, error: '' };
  }

  leaseRevoke({ id = 0n }: { id?: bigint }) {
    if (!this.#leases.delete(id)) throw new Error('etcdserver: requested lease not found');
    const gone = this.#stateAt(this.revision).filter((kv) => kv.lease === id);
    for (const kv of gone) this.#delete(kv, this.revision + 1n);
    if (gone.length > 0) this.revision++;
    return { header: header(this.revision) };
  }

  leaseTimeToLive({ id = 0n, keys }: { id?: bigint; keys?: boolean }) {
    const ttl = this.#leases.get(id);
    const attached = this.#stateAt(this.revision).filter((kv) => kv.lease === id && keys === true);
    const found = ttl === undefined ? { ttl: -1n, grantedTtl: 0n } : { ttl, grantedTtl: ttl };
    return { header: header(this.revision), id, ...found, keys: attached.map((kv) => kv.key) };
  }

  /** What a watch of the past must be told if nothing more happens; undefined: compacted. */
  replay(request: WatchCreateRequest): readonly Event[] | undefined {
    const { startRevision = 0n } = request;
    if (startRevision < this.#compactRevision && startRevision <= this.revision) return undefined;
    return this.#matching(request, startRevision)
      .filter((each) => each.revision !== this.#compactRevision || this.#isLast(each))
      .map((each) => this.#eventOf(each, request.prevKv === true));
  }

  /** What a watch without previous values must have been told that was there before revision `from`. */
  liveSince(request: WatchCreateRequest, from: bigint): readonly Event[] {
    return this.#matching(request, from).map((each) => this.#eventOf(each, false));
  }

  #matching(request: WatchCreateRequest, from: bigint): Written[] {
    return this.#written
      .filter((each) => each.revision >= from && within(text(each.kv.key), request))
      .filter((each) => !(request.filters ?? []).includes(each.deleted ? 1 : 0));
  }

  #eventOf(each: Written, wantsPrev: boolean): Event {
    const before = each.revision - 1n;
    const creation = !each.deleted && each.kv.createRevision === each.revision;
    const hidden = !wantsPrev || creation || before < this.#compactRevision;
    const prevKv = hidden ? undefined : this.#stateAt(before).find((kv) => text(kv.key) === text(each.kv.key));
    return { type: each.deleted ? 1 : 0, kv: each.kv, prevKv };
  }

  #isLast(each: Written): boolean {
    const same = this.#written.filter((w) => w.revision === each.revision && text(w.kv.key) === text(each.kv.key));
    return same.at(-1) === each;
  }

  #stateAt(revision: bigint): KeyValue[] {
    const state = new Map<string, KeyValue>();
    for (const { revision: at, deleted, kv } of this.#written) {
      if (at > revision) continue;
      if (deleted) state.delete(text(kv.key));
      else state.set(text(kv.key), kv);
    }
    return [...state.values()].sort((a, b) => (text(a.key) < text(b.key) ? -1 : 1));
  }

  #select(request: RangeRequest, at = this.revision) {
    const { revision = 0n, limit = 0n, sortOrder = 0, sortTarget = 0 } = request;
    const all = this.#stateAt(revision > 0n ? revision : at).filter((kv) => within(text(kv.key), request));
    const count = BigInt(all.length);
    if (request.countOnly) return { kvs: [], more: false, count };
    let kvs = all.filter((kv) => passes(request, kv));
    const filtered = [
      request.minModRevision,
      request.maxModRevision,
      request.minCreateRevision,
      request.maxCreateRevision,
    ];
    const late = sortOrder !== 0 || filtered.some((each) => (each ?? 0n) !== 0n);
    if (!late && limit > 0n) kvs = kvs.slice(0, Number(limit) + 1);
    kvs.sort((a, b) => (sortOrder === 2 ? -1 : 1) * compareBy(sortTarget, a, b));
    const more = limit > 0n && BigInt(kvs.length) > limit;
    if (more) kvs = kvs.slice(0, Number(limit));
    return { kvs: kvs.map((kv) => (request.keysOnly ? { ...kv, value: noBytes } : kv)), more, count };
  }

  #run(request: TxnRequest, before: readonly KeyValue[], next: bigint): Omit<TxnResponse, 'header'> {
    const { succeeded, ops } = take(request, before);
    const plans = ops.map((each) => (each.type === 'txn' ? each.request : undefined));
    const responses = ops.map((each, i): ResponseOp => {
      const nested = plans[i];
      if (nested === undefined) return this.#runOp(each, next);
      return { type: 'txn', response: { header: header(0n), ...this.#run(nested, before, next) } };
    });
    return { succeeded, responses };
  }

  #runOp(each: RequestOp, next: bigint): ResponseOp {
    const now = () => header(this.#written.some((w) => w.revision === next) ? next : this.revision);
    if (each.type === 'range')
      return { type: 'range', response: { header: now(), ...this.#select(each.request, next) } };
    if (each.type === 'put') {
      const prevKv = this.#put(each.request, next);
      return { type: 'put', response: { header: now(), prevKv: each.request.prevKv ? prevKv : undefined } };
    }
    const { request } = each as { request: DeleteRangeRequest };
    const gone = this.#stateAt(next).filter((kv) => within(text(kv.key), request));
    for (const kv of gone) this.#delete(kv, next);
    const prevKvs = request.prevKv ? gone : [];
    return { type: 'deleteRange', response: { header: now(), deleted: BigInt(gone.length), prevKvs } };
  }

  #put(request: PutRequest, next: bigint): KeyValue | undefined {
    const old = this.#stateAt(next).find((kv) => text(kv.key) === text(request.key));
    const kv = {
      key: request.key,
      createRevision: old?.createRevision ?? next,
      modRevision: next,
      version: (old?.version ?? 0n) + 1n,
      value: (request.ignoreValue ? old?.value : request.value) ?? noBytes,
      lease: (request.ignoreLease ? old?.lease : request.lease) ?? 0n,
    };
    this.#written.push({ revision: next, deleted: false, kv });
    return old;
  }

  #delete({ key }: KeyValue, next: bigint): void {
    const kv = { key, createRevision: 0n, modRevision: next, version: 0n, value: noBytes, lease: 0n };
    this.#written.push({ revision: next, deleted: true, kv });
  }

  /** All puts of the way that is taken, then all ranges. */
  #checkPath(request: TxnRequest, before: readonly KeyValue[]): void {
    const ops = flatten(request, before);
    for (const [i, each] of ops.entries()) {
      if (each.type !== 'put') continue;
      const { lease = 0n, ignoreValue, ignoreLease, key } = each.request;
      const known = before.some((kv) => text(kv.key) === text(key));
      const deleted = ops.slice(0, i).some((op) => op.type === 'deleteRange' && within(text(key), op.request));
      if ((ignoreValue || ignoreLease) && (!known || deleted)) throw new Error('etcdserver: key not found');
      if (lease !== 0n && !this.#leases.has(lease)) throw new Error('etcdserver: requested lease not found');
    }
    for (const each of ops) {
      const revision = each.type === 'range' ? (each.request.revision ?? 0n) : 0n;
      if (revision > this.revision) throw new Error(`${mvcc} is a future revision`);
      if (revision !== 0n && revision < this.#compactRevision) throw new Error(`${mvcc} has been compacted`);
    }
  }

  /** The rule spelled out over pairs of writes, each with the way down the tree to it. */
  #checkOverlap(ops: readonly RequestOp[]): void {
    const writes = collect(ops, []);
    writes.forEach((a, i) => {
      for (const b of writes.slice(i + 1))
        if (clash(a, b)) throw new Error('etcdserver: duplicate key given in txn request');
    });
  }
}

interface Write {
  /** Index of each nested txn on the way, its branch, and last the index of the operation. */
  readonly path: readonly number[];
  readonly put: PutRequest | undefined;
  readonly del: DeleteRangeRequest | undefined;
}

function collect(ops: readonly RequestOp[], path: readonly number[]): Write[] {
  return ops.flatMap((each, i): Write[] => {
    const at = [...path, i];
    if (each.type === 'put') return [{ path: at, put: each.request, del: undefined }];
    if (each.type === 'deleteRange') return [{ path: at, put: undefined, del: each.request }];
    if (each.type !== 'txn') return [];
    return [...collect(each.request.success ?? [], [...at, 0]), ...collect(each.request.failure ?? [], [...at, 1])];
  });
}

/** `a` stands before `b`. */
function clash(a: Write, b: Write): boolean {
  const fork = a.path.findIndex((each, i) => each !== b.path[i]);
  // Paths alternate between operations and branches: at an odd place they part as then and else of one txn.
  if (fork % 2 === 1) return false;
  if (a.put && b.put) return text(a.put.key) === text(b.put.key);
  // etcd does not see a delete without an end.
  if (text((a.del ?? b.del)?.rangeEnd) === '\0') return false;
  // etcd holds a nested put against deletes of nested txns before it, but not of those after it.
  const bothNested = a.path.length > fork + 1 && b.path.length > fork + 1;
  if (a.put && b.del) return !bothNested && within(text(a.put.key), b.del);
  return a.del !== undefined && b.put !== undefined && within(text(b.put.key), a.del);
}

function take(request: TxnRequest, before: readonly KeyValue[]) {
  const succeeded = (request.compare ?? []).every((each) => holds(each, before));
  return { succeeded, ops: (succeeded ? request.success : request.failure) ?? [] };
}

function flatten(request: TxnRequest, before: readonly KeyValue[]): RequestOp[] {
  return take(request, before).ops.flatMap((each) => (each.type === 'txn' ? flatten(each.request, before) : [each]));
}

function holds(compare: Compare, before: readonly KeyValue[]): boolean {
  const found = before.filter((kv) => within(text(kv.key), compare));
  if (found.length === 0 && compare.target === 3) return false;
  const zero = { key: noBytes, createRevision: 0n, modRevision: 0n, version: 0n, value: noBytes, lease: 0n };
  return (found.length === 0 ? [zero] : found).every((kv) => {
    const signs = [
      compareBig(kv.version, compare.version ?? 0n),
      compareBig(kv.createRevision, compare.createRevision ?? 0n),
      compareBig(kv.modRevision, compare.modRevision ?? 0n),
      Buffer.compare(kv.value, compare.value ?? noBytes),
      compareBig(kv.lease, compare.lease ?? 0n),
    ];
    const sign = signs[compare.target ?? 0] as number;
    return [sign === 0, sign > 0, sign < 0, sign !== 0][compare.result ?? 0] as boolean;
  });
}

function passes(request: RangeRequest, { modRevision, createRevision }: KeyValue): boolean {
  const { minModRevision = 0n, maxModRevision = 0n, minCreateRevision = 0n, maxCreateRevision = 0n } = request;
  if (minModRevision !== 0n && modRevision < minModRevision) return false;
  if (maxModRevision !== 0n && modRevision > maxModRevision) return false;
  if (minCreateRevision !== 0n && createRevision < minCreateRevision) return false;
  return maxCreateRevision === 0n || createRevision <= maxCreateRevision;
}

function compareBy(target: number, a: KeyValue, b: KeyValue): number {
  const signs = [
    Buffer.compare(a.key, b.key),
    compareBig(a.version, b.version),
    compareBig(a.createRevision, b.createRevision),
    compareBig(a.modRevision, b.modRevision),
    Buffer.compare(a.value, b.value),
  ];
  return signs[target] as number;
}
