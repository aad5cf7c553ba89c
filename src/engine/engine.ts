import { type Bytes, fromLatin1 } from '../core/bytes.js';
import { etcdError } from '../store/etcd-errors.js';
import type * as m from '../store/messages.js';
import type { KeyEntry } from './journal.js';
import { KeySpace } from './key-space.js';
import { checkPutTarget, type WriteTarget, writeDeleteRange, writePut } from './kv-write.js';
import { type Lease, LeaseTable } from './lease-table.js';
import { checkRange, runRange } from './range-query.js';
import { checkpointOf, replayEntry } from './replay.js';
import { checkDeleteRange, checkPut, checkTxn } from './txn-check.js';
import { checkPlan, planTxn } from './txn-plan.js';
import { runPlan } from './txn-run.js';

export interface EngineOptions {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  /** Draws an id for a lease whose client gave none: positive, at random. */
  readonly drawLeaseId: () => bigint;
  /** Shorter TTLs are raised to it. Default: 1 (etcd: 2). */
  readonly minLeaseTtlS?: number | undefined;
  /** Compares, then or else of one txn level. Default: 128, as etcd. */
  readonly maxTxnOps?: number | undefined;
  /** Told of every effect, in order, before the call that caused it returns. It must not call the engine. */
  readonly onEntry?: ((entry: KeyEntry) => void) | undefined;
}

/** etcd's bound: more would overflow its nanoseconds (#9374). Seconds. */
const maxLeaseTtlS = 9_000_000_000n;
/** etcd's value is 2 or more on a fresh single node; clients never look further than "not 0". */
const raftTerm = 2n;
/** Leases that one `expireLeases` ends at most, so that a mass expiry does not hold up everything else. */
export const maxExpiriesPerCall = 500;

/**
 * etcd's key-value model, pure and synchronous (protocol.md sections 1 and 3): no clock, no chance, no I/O. Methods
 * that depend on time take `nowMs`, milliseconds on one monotonic clock that never goes back.
 *
 * Every method checks its request first: one that throws (etcd's own error, as `ConclaveError`) has changed nothing.
 *
 * Bytes: keys and values handed in are copied, so their buffers stay the caller's. Keys and values handed out are the
 * store's own: read them, never write to them.
 */
export class Engine {
  readonly space = new KeySpace();
  readonly #leases = new LeaseTable();
  readonly #target: WriteTarget = { space: this.space, leases: this.#leases };
  readonly #options: EngineOptions;
  readonly #minLeaseTtlS: bigint;
  readonly #maxTxnOps: number;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#minLeaseTtlS = BigInt(options.minLeaseTtlS ?? 1);
    this.#maxTxnOps = options.maxTxnOps ?? 128;
  }

  get leaseCount(): number {
    return this.#leases.size;
  }

  /** Of an answer to a request on its own; by default at the current revision. */
  header(revision: bigint = this.space.revision): m.ResponseHeader {
    const { clusterId, memberId } = this.#options;
    return { clusterId, memberId, revision, raftTerm };
  }

  range(request: m.RangeRequest): m.RangeResponse {
    checkRange(request);
    return { header: this.header(), ...runRange(this.space, request) };
  }

  put(request: m.PutRequest): m.PutResponse {
    checkPut(request);
    checkPutTarget(this.#target, request);
    const previous = writePut(this.#target, request);
    this.#commit();
    return { header: this.header(), prevKv: request.prevKv ? previous : undefined };
  }

  deleteRange(request: m.DeleteRangeRequest): m.DeleteRangeResponse {
    checkDeleteRange(request);
    const gone = writeDeleteRange(this.#target, request);
    this.#commit();
    return { header: this.header(), deleted: BigInt(gone.length), prevKvs: request.prevKv ? gone : [] };
  }

  txn(request: m.TxnRequest): m.TxnResponse {
    checkTxn(request, this.#maxTxnOps);
    const plan = planTxn(this.space, request);
    checkPlan(this.space, this.#leases, plan);
    const result = runPlan(this.#target, plan);
    this.#commit();
    return { header: this.header(), ...result };
  }

  compact({ revision = 0n }: m.CompactionRequest): m.CompactionResponse {
    if (revision <= this.space.compactRevision) throw etcdError('compacted');
    if (revision > this.space.revision) throw etcdError('futureRevision');
    this.space.compact(revision);
    this.#options.onEntry?.({ type: 'compacted', revision });
    return { header: this.header() };
  }

  leaseGrant({ id = 0n, ttl = 0n }: m.LeaseGrantRequest, nowMs: number): m.LeaseGrantResponse {
    if (ttl > maxLeaseTtlS) throw etcdError('leaseTtlTooLarge');
    if (id !== 0n) this.#endIfDue(id, nowMs);
    if (id !== 0n && this.#leases.has(id)) throw etcdError('leaseExists');
    const granted = id === 0n ? this.#drawLeaseId() : id;
    const ttlS = ttl < this.#minLeaseTtlS ? this.#minLeaseTtlS : ttl;
    this.#leases.grant(granted, ttlS, nowMs);
    this.#options.onEntry?.({ type: 'leaseGranted', id: granted, ttlS });
    return { header: this.header(), id: granted, ttl: ttlS, error: '' };
  }

  leaseRevoke({ id = 0n }: m.LeaseRevokeRequest): m.LeaseRevokeResponse {
    const lease = this.#leases.get(id);
    if (lease === undefined) throw etcdError('leaseNotFound');
    this.#end(lease);
    return { header: this.header() };
  }

  /** Starts the full TTL again. A lease past its deadline ends first: a late heartbeat never brings it back. */
  leaseKeepAlive({ id = 0n }: m.LeaseKeepAliveRequest, nowMs: number): m.LeaseKeepAliveResponse {
    this.#endIfDue(id, nowMs);
    this.#leases.renew(id, nowMs);
    return { header: this.header(), id, ttl: this.#leases.get(id)?.ttlS ?? 0n };
  }

  leaseTimeToLive({ id = 0n, keys }: m.LeaseTimeToLiveRequest, nowMs: number): m.LeaseTimeToLiveResponse {
    this.#endIfDue(id, nowMs);
    const lease = this.#leases.get(id);
    const header = this.header();
    if (lease === undefined) return { header, id, ttl: -1n, grantedTtl: 0n, keys: [] };
    const ttl = BigInt(Math.floor(this.#leases.remainingMs(lease, nowMs) / 1_000));
    return { header, id, ttl, grantedTtl: lease.ttlS, keys: keys ? sortedKeys(lease) : [] };
  }

  /** The keys that hang on a lease, as latin1 strings; none if there is no such lease. */
  leaseKeys(id: bigint): Iterable<string> {
    return this.#leases.get(id)?.keys ?? [];
  }

  /** Soonest to end first. */
  leaseLeases(): m.LeaseLeasesResponse {
    return { header: this.header(), leases: this.#leases.bySoonest().map(({ id }) => ({ id })) };
  }

  /**
   * Ends what is past its deadline, soonest first, each lease in a revision of its own, and at most
   * `maxExpiriesPerCall` of them: `nextExpiryMs` tells whether more is due. Returns how many it ended.
   */
  expireLeases(nowMs: number): number {
    for (let ended = 0; ended < maxExpiriesPerCall; ended++) {
      const first = this.#leases.first();
      if (first === undefined || first.atMs > nowMs) return ended;
      this.#end(first.lease);
    }
    return maxExpiriesPerCall;
  }

  /** When the next lease ends if no heartbeat comes; undefined without leases. */
  nextExpiryMs(): number | undefined {
    return this.#leases.first()?.atMs;
  }

  /** Gives every lease `byMs` more: for time in which no heartbeat could have been heard. */
  extendLeases(byMs: number): void {
    this.#leases.extendAll(byMs);
  }

  /** Does again what the journal of another engine tells, in its order; this one is otherwise untouched. */
  replay(entry: KeyEntry, nowMs: number): void {
    replayEntry(this.#target, entry, nowMs);
  }

  /** As etcd does at a restart: nobody could send a heartbeat meanwhile. */
  renewLeases(nowMs: number): void {
    this.#leases.renewAll(nowMs);
  }

  /** The shortest journal that makes this engine again, as it is now, whatever happens later. */
  checkpoint(): Iterable<KeyEntry> {
    return checkpointOf(this.#target);
  }

  #endIfDue(id: bigint, nowMs: number): void {
    const lease = this.#leases.get(id);
    if (lease !== undefined && this.#leases.isDue(lease, nowMs)) this.#end(lease);
  }

  /** Deletes all its keys in one revision, in key order. */
  #end(lease: Lease): void {
    for (const text of [...lease.keys].sort()) this.space.delete(text);
    this.#leases.delete(lease.id);
    if (!this.#commit(lease.id)) this.#options.onEntry?.({ type: 'leaseEnded', id: lease.id });
  }

  /** Whether anything had been written. */
  #commit(endedLease?: bigint): boolean {
    const changes = this.space.commit();
    if (changes === undefined) return false;
    this.#options.onEntry?.({ type: 'changes', changes, endedLease });
    return true;
  }

  #drawLeaseId(): bigint {
    // Bounded: of 2^63 ids, those in use are a vanishing part.
    for (;;) {
      const id = this.#options.drawLeaseId();
      if (id !== 0n && !this.#leases.has(id)) return id;
    }
  }
}

function sortedKeys(lease: Lease): readonly Bytes[] {
  return [...lease.keys].sort().map(fromLatin1);
}
