import type { Runtime } from '../../core/runtime.js';
import { DelegatingStore } from '../delegating-store.js';
import type { RangeRequest, RangeResponse, TxnRequest, TxnResponse } from '../messages.js';
import type { CallOptions, Store } from '../store.js';
import { BatchLane } from './batch-lane.js';
import { isNested, ReadMember, TxnMember } from './member.js';

export interface BatchingOptions {
  readonly runtime: Runtime;
  /** Milliseconds that a call may take if it does not say so itself. Default: 5,000. */
  readonly requestTimeoutMs?: number | undefined;
  /**
   * Whether txns with compares are gathered, too. Not where the store knows users: etcd before the fix of
   * CVE-2026-33343 does not judge what a nested txn may do, and a call that it refuses alone would pass. Default: true.
   */
  readonly nests?: boolean | undefined;
  /** Calls in one txn. Default: 64. */
  readonly membersMax?: number | undefined;
  /** Requests under way of each kind, beyond which calls are gathered. Default: 8. */
  readonly inFlightMax?: number | undefined;
}

/**
 * Sends small txns, and reads of one key, together where many are under way: one txn for up to 64 of them, with the
 * answers that each would have had alone. Calls of one batch share one revision; README.md says what is kept apart.
 */
export class BatchingStore extends DelegatingStore {
  readonly #runtime: Runtime;
  readonly #nests: boolean;
  readonly #txns: BatchLane;
  readonly #reads: BatchLane;

  constructor(inner: Store, options: BatchingOptions) {
    super(inner);
    const { runtime, requestTimeoutMs = 5_000, nests = true, membersMax = 64, inFlightMax = 8 } = options;
    const lane = { runtime, requestTimeoutMs, membersMax, inFlightMax };
    this.#runtime = runtime;
    this.#nests = nests;
    this.#txns = new BatchLane(inner, lane);
    this.#reads = new BatchLane(inner, lane);
  }

  override txn(request: TxnRequest, call?: CallOptions): Promise<TxnResponse> {
    if (!isPlain(call) || (isNested(request) && !this.#nests)) return this.inner.txn(request, call);
    return this.#txns.add(new TxnMember(this.#runtime, request, call));
  }

  override range(request: RangeRequest, call?: CallOptions): Promise<RangeResponse> {
    if (!isPlain(call) || !isPointRead(request)) return this.inner.range(request, call);
    return this.#reads.add(new ReadMember(this.#runtime, request, call));
  }
}

/** What else a call can ask for concerns the one request that it makes. */
function isPlain(call: CallOptions | undefined): boolean {
  if (call === undefined) return true;
  const { signal, timeoutMs = 0, patienceMs } = call;
  return patienceMs === undefined && timeoutMs >= 0 && signal?.aborted !== true;
}

/** Of one key as it is now. */
function isPointRead({ key, rangeEnd, revision = 0n, serializable }: RangeRequest): boolean {
  return key.length > 0 && (rangeEnd?.length ?? 0) === 0 && revision === 0n && serializable !== true;
}
