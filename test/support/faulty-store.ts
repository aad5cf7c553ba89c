import { onAbort } from '../../src/core/abort.js';
import { ConclaveError } from '../../src/core/errors.js';
import type { Runtime } from '../../src/core/runtime.js';
import type * as m from '../../src/store/messages.js';
import { EventType } from '../../src/store/messages.js';
import type { CallOptions, Store, WatchLane, WatchListener, WatchSpec } from '../../src/store/store.js';
import { FaultyWatch } from './faulty-watch.js';

export type CallName = Exclude<keyof Store, 'watch' | 'requestProgress' | 'close'>;

/** Which call a fault hits: a name, or whatever a function says. */
export type Match = CallName | ((name: CallName, request: unknown) => boolean);

export const anyCall: Match = () => true;

type Fault =
  /** Never arrives; the caller is told that nobody knows. */
  | { readonly type: 'lose-request' }
  /** Is applied; the caller is told that nobody knows. */
  | { readonly type: 'lose-reply' }
  /** The caller is told at once that nobody knows; it is applied later. */
  | { readonly type: 'apply-late'; readonly afterMs: number }
  /** Arrives late, and its answer later still. It is applied even if the caller has gone by then. */
  | { readonly type: 'delay'; readonly requestMs: number; readonly replyMs: number }
  /** Is applied again later; the caller sees the first answer only. */
  | { readonly type: 'duplicate'; readonly afterMs: number }
  /** Is lost, and with it everything that follows until `heal`. */
  | { readonly type: 'cut' }
  /** Is refused without being applied. */
  | { readonly type: 'refuse'; readonly error: ConclaveError };

interface Rule {
  readonly match: Match;
  readonly fault: Fault;
  /** Matching calls that pass before the fault hits, once. */
  skip: number;
}

/** What a store that says nothing about it gives a call. */
const defaultTimeoutMs = 5_000;

/** A store whose network can be made to fail, one call at a time or as a whole. Counts what is asked of it. */
export class FaultyStore implements Store {
  readonly counts: Record<CallName | 'watch' | 'progress', number> = {
    range: 0,
    txn: 0,
    compact: 0,
    leaseGrant: 0,
    leaseRevoke: 0,
    leaseKeepAlive: 0,
    leaseTimeToLive: 0,
    leaseLeases: 0,
    watch: 0,
    progress: 0,
  };
  /** Events that watches were told. */
  events = 0;
  /** What a named call was asked, in order. */
  readonly log: { readonly name: CallName; readonly request: unknown }[] = [];
  /** While true, watches do not hear of deletes: etcd #18089, #19179. */
  dropDeletes = false;
  /** While false, the server is none whose answers about progress are in order with events: etcd #15220. */
  ordersProgress = true;
  /** Milliseconds that events are on their way, while calls overtake them: they are on different streams. */
  watchLagMs = 0;
  #inner: Store;
  readonly #runtime: Runtime;
  readonly #network: Runtime;
  readonly #watches = new Set<FaultyWatch>();
  #rules: Rule[] = [];
  #cut = false;
  #active = 0;
  #inFlight = 0;

  /**
   * `runtime` times the caller's deadlines, `network` what happens on the way: it goes on while a caller stands still.
   */
  constructor(inner: Store, runtime: Runtime, network: Runtime = runtime) {
    this.#inner = inner;
    this.#runtime = runtime;
    this.#network = network;
  }

  loseRequest(match: Match, skip = 0): void {
    this.#rules.push({ match, skip, fault: { type: 'lose-request' } });
  }

  loseReply(match: Match, skip = 0): void {
    this.#rules.push({ match, skip, fault: { type: 'lose-reply' } });
  }

  applyLate(match: Match, afterMs: number, skip = 0): void {
    this.#rules.push({ match, skip, fault: { type: 'apply-late', afterMs } });
  }

  delay(match: Match, { requestMs = 0, replyMs = 0 }: { requestMs?: number; replyMs?: number }, skip = 0): void {
    this.#rules.push({ match, skip, fault: { type: 'delay', requestMs, replyMs } });
  }

  duplicate(match: Match, afterMs: number, skip = 0): void {
    this.#rules.push({ match, skip, fault: { type: 'duplicate', afterMs } });
  }

  /** `partition()` at the moment of that call. */
  partitionAt(match: Match, skip = 0): void {
    this.#rules.push({ match, skip, fault: { type: 'cut' } });
  }

  refuse(match: Match, error: ConclaveError, skip = 0): void {
    this.#rules.push({ match, skip, fault: { type: 'refuse', error } });
  }

  /** Cuts everything off: calls hang until their own timeout, watches are silent. */
  partition(): void {
    this.#cut = true;
  }

  /** Calls arrive again, and watches go on without gap or repetition, as the port promises. */
  heal(): void {
    this.#cut = false;
    for (const watch of this.#watches) watch.flush();
  }

  /** Ends every watch there is, as a server does whose history was compacted under them. */
  endWatches(error = new ConclaveError('COMPACTED', 'etcdserver: mvcc: required revision has been compacted')): void {
    for (const watch of [...this.#watches]) watch.fail(error);
  }

  /** Behind the network stands another store now: one that was restored from an older backup, or made anew. */
  becomes(store: Store): void {
    this.#inner = store;
    this.endWatches();
  }

  /** Faults that were ordered and have not hit anything. */
  get pendingFaults(): number {
    return this.#rules.length;
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  /** Calls that have not settled. */
  get activeCalls(): number {
    return this.#active;
  }

  /** Requests and answers that are still on their way. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** All calls and watches since the start. */
  get total(): number {
    return Object.values(this.counts).reduce((sum, each) => sum + each, 0);
  }

  range(request: m.RangeRequest, call?: CallOptions): Promise<m.RangeResponse> {
    return this.#run('range', request, call, () => this.#inner.range(request));
  }

  txn(request: m.TxnRequest, call?: CallOptions): Promise<m.TxnResponse> {
    return this.#run('txn', request, call, () => this.#inner.txn(request));
  }

  compact(request: m.CompactionRequest, call?: CallOptions): Promise<m.CompactionResponse> {
    return this.#run('compact', request, call, () => this.#inner.compact(request));
  }

  leaseGrant(request: m.LeaseGrantRequest, call?: CallOptions): Promise<m.LeaseGrantResponse> {
    return this.#run('leaseGrant', request, call, () => this.#inner.leaseGrant(request));
  }

  leaseRevoke(request: m.LeaseRevokeRequest, call?: CallOptions): Promise<m.LeaseRevokeResponse> {
    return this.#run('leaseRevoke', request, call, () => this.#inner.leaseRevoke(request));
  }

  leaseKeepAlive(request: m.LeaseKeepAliveRequest, call?: CallOptions): Promise<m.LeaseKeepAliveResponse> {
    return this.#run('leaseKeepAlive', request, call, () => this.#inner.leaseKeepAlive(request));
  }

  leaseTimeToLive(request: m.LeaseTimeToLiveRequest, call?: CallOptions): Promise<m.LeaseTimeToLiveResponse> {
    return this.#run('leaseTimeToLive', request, call, () => this.#inner.leaseTimeToLive(request));
  }

  leaseLeases(call?: CallOptions): Promise<m.LeaseLeasesResponse> {
    return this.#run('leaseLeases', {}, call, () => this.#inner.leaseLeases());
  }

  watch(request: WatchSpec, listener: WatchListener): () => void {
    this.counts.watch += 1;
    const watch = new FaultyWatch(
      {
        onCreated: (revision) => listener.onCreated?.(revision),
        onEvents: (events, revision) => {
          this.events += events.length;
          listener.onEvents(events, revision);
        },
        onProgress: (revision) => listener.onProgress?.(revision),
        onEnd: (error) => listener.onEnd(error),
      },
      {
        silent: () => this.#cut,
        drops: (event) => this.dropDeletes && event.type === EventType.delete,
        over: () => this.#watches.delete(watch),
        lag: (fn) => (this.watchLagMs === 0 ? fn() : void this.#sleep(this.watchLagMs).then(fn)),
      },
    );
    this.#watches.add(watch);
    watch.start(this.#inner, request);
    return () => watch.cancel();
  }

  /** Behind a cut it goes nowhere. */
  async requestProgress(lane: WatchLane): Promise<boolean> {
    if (!this.ordersProgress) return false;
    this.counts.progress += 1;
    return this.#cut || this.#inner.requestProgress(lane);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  /** The caller sees the first of: answer, its signal, its timeout. What happens on the store does not depend on it. */
  async #run<T>(name: CallName, request: unknown, call: CallOptions = {}, send: () => Promise<T>): Promise<T> {
    call.signal?.throwIfAborted();
    this.counts[name] += 1;
    this.log.push({ name, request });
    this.#active += 1;
    try {
      return await this.#bounded(name, call, this.#faulted(this.#take(name, request), send));
    } finally {
      this.#active -= 1;
    }
  }

  async #faulted<T>(fault: Fault | undefined, send: () => Promise<T>): Promise<T> {
    const sendCut = async () => {
      if (this.#cut) await forever();
      const answer = await send();
      if (this.#cut) await forever();
      return answer;
    };
    switch (fault?.type) {
      case undefined:
        return sendCut();
      case 'lose-request':
        throw unavailable();
      case 'lose-reply':
        await sendCut().catch(() => {});
        throw unavailable();
      case 'apply-late':
        void this.#sleep(fault.afterMs)
          .then(sendCut)
          .catch(() => {});
        throw unavailable();
      case 'delay': {
        await this.#sleep(fault.requestMs);
        const settled = sendCut();
        settled.catch(() => {});
        await this.#sleep(fault.replyMs);
        return settled;
      }
      case 'duplicate':
        void this.#sleep(fault.afterMs)
          .then(sendCut)
          .catch(() => {});
        return sendCut();
      case 'cut':
        this.partition();
        return forever();
      case 'refuse':
        throw fault.error;
    }
  }

  #bounded<T>(name: CallName, { signal, timeoutMs = defaultTimeoutMs }: CallOptions, answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let unlink = () => {};
      const settle = (fn: () => void) => {
        stopTimer();
        unlink();
        fn();
      };
      const late = new ConclaveError('TIMEOUT', `${name}: no answer`, { outcome: 'unknown' });
      const stopTimer = this.#runtime.setTimer(timeoutMs, () => settle(() => reject(late)));
      unlink = onAbort(signal, (reason) => settle(() => reject(reason)));
      answer.then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error)),
      );
    });
  }

  #sleep(ms: number): Promise<void> {
    if (ms === 0) return Promise.resolve();
    this.#inFlight += 1;
    return new Promise((resolve) => {
      this.#network.setTimer(ms, () => {
        this.#inFlight -= 1;
        resolve();
      });
    });
  }

  #take(name: CallName, request: unknown): Fault | undefined {
    for (const rule of this.#rules) {
      const hit = typeof rule.match === 'string' ? rule.match === name : rule.match(name, request);
      if (!hit) continue;
      if (rule.skip > 0) {
        rule.skip -= 1;
        continue;
      }
      this.#rules = this.#rules.filter((each) => each !== rule);
      return rule.fault;
    }
    return undefined;
  }
}

function unavailable(): ConclaveError {
  return new ConclaveError('UNAVAILABLE', 'the connection was lost', { outcome: 'unknown' });
}

function forever(): Promise<never> {
  return new Promise(() => {});
}
