import { ConclaveError } from '../core/errors.js';
import { type Runtime, randomInt63 } from '../core/runtime.js';
import type * as m from '../store/messages.js';
import type { CallOptions } from '../store/store.js';
import { AlarmSet, AlarmType } from './alarm-set.js';
import { AuthStore } from './auth/auth-store.js';
import { bounded } from './bounded.js';
import { Engine, type EngineOptions } from './engine.js';
import type { JournalEntry } from './journal.js';
import { LoopGap } from './loop-gap.js';
import { SpaceGuard } from './space-guard.js';
import { type WatchHandle, WatchHub } from './watch-hub.js';
import type { WatchTarget } from './watch-request.js';
import { WatchStream, type WatchStreamOptions } from './watch-stream.js';
import type { WatchSink } from './watcher.js';

export interface EngineHostOptions extends Pick<EngineOptions, 'minLeaseTtlS' | 'maxTxnOps'> {
  /** Told of every effect, in order, before the call that caused it returns. It must not call the host. */
  readonly onEntry?: ((entry: JournalEntry) => void) | undefined;
  /** Default: at random. */
  readonly clusterId?: bigint | undefined;
  readonly memberId?: bigint | undefined;
  /** Watchers hear of a revision only after `releaseEvents` has named it: once it is on disk. Default: false. */
  readonly holdEvents?: boolean | undefined;
  /**
   * Settles when everything that `onEntry` was told is on disk; undefined if it is, or need not be. Default: it need
   * not be.
   */
  readonly committed?: (() => Promise<void> | undefined) | undefined;
  /**
   * Asked before the alarm NOSPACE is taken back: whether there is room again where `onEntry`'s entries go. Default:
   * there is.
   */
  readonly regainRoom?: (() => Promise<boolean>) | undefined;
  /**
   * Compacts by itself so that at least so many of the last revisions can be read and watched, and at most a tenth
   * more are kept. Default: never, as etcd.
   */
  readonly retainRevisions?: bigint | undefined;
  /**
   * Bytes that keys and their history may take (`engine.space.bytes`). A write beyond raises the alarm NOSPACE; from
   * then on only what frees space is served until that is taken back. Default: no bound.
   */
  readonly quotaBytes?: number | undefined;
}

/** What a host holds, for leak checks. */
export interface EngineStats {
  readonly keys: number;
  readonly leases: number;
  readonly watchers: number;
  readonly revision: bigint;
}

/** Longest wait of one timer, milliseconds: Node's overflow above 2^31, and run at once. */
const maxTimerMs = 3_600_000;

/**
 * The engine with time and chance: leases end by themselves, watchers hear of each revision after it is applied and
 * before the call that made it returns. Whoever creates a host closes it.
 *
 * Time in which the loop stood still does not count against leases: it is added to all of them before anything else is
 * served.
 */
export class EngineHost {
  readonly engine: Engine;
  /** What stands in the way of serving everything. */
  readonly alarms: AlarmSet;
  /** Users and roles, and whether they are asked for. Whoever answers requests asks. */
  readonly auth: AuthStore;
  /** 0: no bound. */
  readonly quotaBytes: number;
  readonly #space: SpaceGuard;
  readonly #runtime: Runtime;
  readonly #hub: WatchHub;
  readonly #gap: LoopGap;
  readonly #holdEvents: boolean;
  readonly #retainRevisions: bigint | undefined;
  readonly #committed: (() => Promise<void> | undefined) | undefined;
  readonly #regainRoom: (() => Promise<boolean>) | undefined;
  #stopTimer: (() => void) | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #closed: ConclaveError | undefined;
  readonly #closeListeners = new Set<() => void>();

  constructor(runtime: Runtime, options: EngineHostOptions = {}) {
    this.#runtime = runtime;
    this.#gap = new LoopGap(runtime);
    this.#holdEvents = options.holdEvents ?? false;
    this.#retainRevisions = options.retainRevisions;
    this.#committed = options.committed;
    this.#regainRoom = options.regainRoom;
    const tell = (entry: JournalEntry) => {
      // Nobody would write it any more.
      if (this.#closed !== undefined) throw this.#closed;
      options.onEntry?.(entry);
    };
    this.alarms = new AlarmSet((raised) => tell({ type: 'alarms', raised }));
    this.auth = new AuthStore({ onEntry: (entry) => tell({ type: 'auth', entry }) });
    this.engine = new Engine({
      clusterId: options.clusterId ?? randomInt63(runtime),
      memberId: options.memberId ?? randomInt63(runtime),
      drawLeaseId: () => randomInt63(runtime),
      minLeaseTtlS: options.minLeaseTtlS,
      maxTxnOps: options.maxTxnOps,
      onEntry: (entry) => {
        if (entry.type === 'changes') this.#hub.add(entry.changes);
        options.onEntry?.(entry);
      },
    });
    this.#hub = new WatchHub(this.engine.space);
    this.quotaBytes = options.quotaBytes ?? 0;
    this.#space = new SpaceGuard(this.engine, this.alarms, this.quotaBytes);
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** What every call throws since `close`. */
  get closedBy(): ConclaveError | undefined {
    return this.#closed;
  }

  /** Whether answers have to wait for `committed`. */
  get isDurable(): boolean {
    return this.#committed !== undefined;
  }

  /**
   * Settles when everything that was done before is on disk; undefined if it is, or if nothing goes there. Nobody may
   * be told of it earlier, be it by an answer, an error or a read. Rejects if it never will be. An abort or a time
   * limit ends the wait, not what is waited for.
   */
  committed(call?: CallOptions): Promise<void> | undefined {
    const committed = this.#committed?.();
    return committed === undefined ? undefined : bounded(this.#runtime, committed, call);
  }

  /** Whether the alarm NOSPACE may be taken back: false while the disk is full. Rejects if it fails. */
  async regainRoom(): Promise<boolean> {
    return (await this.#regainRoom?.()) ?? true;
  }

  range(request: m.RangeRequest): m.RangeResponse {
    return this.#serve(() => {
      this.alarms.checkSound();
      return this.engine.range(request);
    });
  }

  put(request: m.PutRequest): m.PutResponse {
    return this.#serve(() => {
      this.#space.checkPut(request);
      return this.engine.put(request);
    });
  }

  deleteRange(request: m.DeleteRangeRequest): m.DeleteRangeResponse {
    return this.#serve(() => {
      this.alarms.checkSound();
      return this.engine.deleteRange(request);
    });
  }

  txn(request: m.TxnRequest): m.TxnResponse {
    return this.#serve(() => {
      this.#space.checkTxn(request);
      return this.engine.txn(request);
    });
  }

  compact(request: m.CompactionRequest): m.CompactionResponse {
    return this.#serve(() => {
      this.alarms.checkSound();
      return this.engine.compact(request);
    });
  }

  leaseGrant(request: m.LeaseGrantRequest): m.LeaseGrantResponse {
    return this.#serve((nowMs) => {
      this.#space.checkLeaseGrant();
      return this.engine.leaseGrant(request, nowMs);
    });
  }

  leaseRevoke(request: m.LeaseRevokeRequest): m.LeaseRevokeResponse {
    return this.#serve(() => {
      this.alarms.checkSound();
      return this.engine.leaseRevoke(request);
    });
  }

  leaseKeepAlive(request: m.LeaseKeepAliveRequest): m.LeaseKeepAliveResponse {
    return this.#serve((nowMs) => this.engine.leaseKeepAlive(request, nowMs));
  }

  leaseTimeToLive(request: m.LeaseTimeToLiveRequest): m.LeaseTimeToLiveResponse {
    return this.#serve((nowMs) => this.engine.leaseTimeToLive(request, nowMs));
  }

  leaseLeases(_request: m.LeaseLeasesRequest = {}): m.LeaseLeasesResponse {
    return this.#serve(() => this.engine.leaseLeases());
  }

  /** Told nothing before `resume` of the handle. Throws for a request that etcd refuses. */
  watch(request: WatchTarget, sink: WatchSink): WatchHandle {
    return this.#serve(() => this.#hub.watch(request, sink));
  }

  /** Everything up to this revision has been told to every watch that is synced. */
  get toldRevision(): bigint {
    return this.#hub.toldRevision;
  }

  /** One gRPC Watch stream; whoever opens it closes it. After `close` of the host it stays silent. */
  openWatchStream(emit: (response: m.WatchResponse) => void, options?: WatchStreamOptions): WatchStream {
    return this.#serve(() => new WatchStream(this.#hub, (revision) => this.engine.header(revision), emit, options));
  }

  /** Makes the store that a journal tells of; before anything else is asked of the host. Leases begin anew. */
  restore(entries: Iterable<JournalEntry>): void {
    this.replay(entries);
    this.resume();
  }

  /** Does again what a part of a journal tells, and keeps nothing of `entries`. After the last part comes `resume`. */
  replay(entries: Iterable<JournalEntry>): void {
    const nowMs = this.#runtime.monotonicMs();
    for (const entry of entries) {
      if (entry.type === 'auth') this.auth.restore([entry.entry]);
      else if (entry.type === 'alarms') this.alarms.restore(entry.raised);
      else this.engine.replay(entry, nowMs);
    }
  }

  /** Goes on from what was replayed. Leases begin anew. */
  resume(): void {
    this.engine.renewLeases(this.#runtime.monotonicMs());
    this.#hub.skip();
    this.#serve(() => {});
  }

  /** The shortest journal that makes this host again, as it is now, whatever happens later. */
  checkpoint(): Iterable<JournalEntry> {
    return inTurn<JournalEntry>(this.engine.checkpoint(), [
      { type: 'auth', entry: this.auth.checkpoint() },
      { type: 'alarms', raised: this.alarms.list(AlarmType.none) },
    ]);
  }

  /** With `holdEvents`: lets watchers hear of everything up to `revision`. */
  releaseEvents(revision: bigint): void {
    if (!this.closed) this.#hub.release(revision);
  }

  stats(): EngineStats {
    return {
      keys: this.engine.space.size,
      leases: this.engine.leaseCount,
      watchers: this.#hub.watcherCount,
      revision: this.engine.space.revision,
    };
  }

  /** Calls `fn` when the host closes; returns what takes it back. */
  onClose(fn: () => void): () => void {
    this.#closeListeners.add(fn);
    return () => this.#closeListeners.delete(fn);
  }

  /** Takes its timers back and silences every watch; every later call throws `reason`. Idempotent. */
  close(reason = new ConclaveError('CLOSED', 'the embedded store is closed')): void {
    if (this.closed) return;
    this.#closed = reason;
    this.#gap.stop();
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#hub.close();
    for (const fn of this.#closeListeners) fn();
    this.#closeListeners.clear();
  }

  /** Whatever happens, happens here: first the time is looked at, then `fn` runs, then watchers hear of it. */
  #serve<T>(fn: (nowMs: number) => T): T {
    if (this.#closed !== undefined) throw this.#closed;
    const nowMs = this.#runtime.monotonicMs();
    const gapMs = this.#gap.check(nowMs);
    if (gapMs > 0) this.engine.extendLeases(gapMs);
    this.engine.expireLeases(nowMs);
    try {
      return fn(nowMs);
    } finally {
      if (!this.#holdEvents) this.#hub.release();
      this.#compactOld();
      this.#arm(nowMs);
    }
  }

  /** Only what watchers have been told of; little at a time, since nobody is served meanwhile. */
  #compactOld(): void {
    const retain = this.#retainRevisions;
    if (retain === undefined || this.closed) return;
    const revision = this.#hub.toldRevision - retain;
    if (revision - this.engine.space.compactRevision > retain / 10n) this.engine.compact({ revision });
  }

  /** One timer at the next expiry, and the watch on the loop while there are leases. */
  #arm(nowMs: number): void {
    // A sink may have closed the host.
    if (this.closed) return;
    const nextMs = this.engine.nextExpiryMs();
    if (nextMs === undefined) {
      this.#gap.stop();
      this.#stopTimer?.();
      this.#stopTimer = undefined;
      return;
    }
    this.#gap.start(nowMs, () => this.#tick());
    const atMs = Math.min(nextMs, nowMs + maxTimerMs);
    // A timer that is too early costs one look; heartbeats only ever move expiries away from it.
    if (this.#stopTimer !== undefined && this.#timerAtMs <= atMs) return;
    this.#stopTimer?.();
    this.#timerAtMs = atMs;
    this.#stopTimer = this.#runtime.setTimer(Math.max(0, Math.ceil(atMs - nowMs)), () => {
      this.#stopTimer = undefined;
      this.#tick();
    });
  }

  #tick(): void {
    if (!this.closed) this.#serve(() => {});
  }
}

function* inTurn<T>(...lists: readonly Iterable<T>[]): Generator<T> {
  for (const list of lists) yield* list;
}
