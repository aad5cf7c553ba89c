import { Barrier } from './barrier/barrier.js';
import { CountDownLatch, type LatchOptions } from './barrier/count-down-latch.js';
import { CyclicBarrier } from './barrier/cyclic-barrier.js';
import { DoubleBarrier } from './barrier/double-barrier.js';
import type { PartiesOptions } from './barrier/meet.js';
import { Cache, type CacheOptions } from './cache/cache.js';
import { Config } from './config/config.js';
import type { WaitOptions } from './core/abort.js';
import { type Bytes, prefixEnd } from './core/bytes.js';
import { ConclaveError } from './core/errors.js';
import type { Scope } from './core/scope.js';
import { Cells } from './counter/cells.js';
import { Counter, type CounterOptions } from './counter/counter.js';
import { RateLimiter, type RateOptions } from './counter/rate-limiter.js';
import { Sequence, type SequenceOptions } from './counter/sequence.js';
import { Election } from './election/election.js';
import { Elections } from './election/elections.js';
import { Observers } from './election/leader-watch.js';
import type { EphemeralKey, EphemeralOptions } from './ephemeral/ephemeral-key.js';
import { Ephemerals } from './ephemeral/ephemerals.js';
import { Flags } from './flags/flags.js';
import type { PartitionOptions } from './group/division.js';
import { Group } from './group/group.js';
import { Partition } from './group/partition.js';
import { type BreakOptions, breakLock } from './inspect/break.js';
import { inspectLock, type LockState } from './inspect/inspect.js';
import type { Session, SessionOptions } from './lease/session.js';
import type { HoldOptions, LockOptions, RecipeContext } from './line/context.js';
import type { Held, HeldAll } from './line/held.js';
import { Mutex } from './lock/mutex.js';
import { type LockEntry, lockAll, tryLockAll } from './lock-all/lock-all.js';
import { Locks } from './locks.js';
import { LocalFiles } from './node/local-files.js';
import type { QueueOptions } from './queue/options.js';
import { Queue } from './queue/queue.js';
import { Registry } from './registry/registry.js';
import { RwLock } from './rwlock/rw-lock.js';
import { Schedule, type SingleRunOptions } from './schedule/schedule.js';
import { Semaphore, type SemaphoreOptions } from './semaphore/semaphore.js';
import { Stm, type StmOptions } from './stm/stm.js';
import type { Tx } from './stm/tx.js';
import { type KeyOrPrefix, selected } from './store/key-or-prefix.js';
import type {
  DeleteRangeResponse,
  KeyValue,
  PutResponse,
  RangeRequest,
  RangeResponse,
  WatchCreateRequest,
} from './store/messages.js';
import { bytesOf, deleteAt, put, putAt, remove, type Text } from './store/ops.js';
import { SharedMirrors } from './store/shared-mirrors.js';
import type { CallOptions, Store } from './store/store.js';
import { TxnBuilder } from './store/txn-builder.js';
import { type WatchBatch, watchBatches } from './store/watch-batches.js';

/**
 * A connection and everything that can be coordinated over it. Made by `connect()`; everything that was taken through
 * it is given back by `close()`.
 */
export class Conclave implements AsyncDisposable {
  /** Services: register instances, find those of others. See `Registry`. */
  readonly registry: Registry;
  /** Live configuration: watch it, write it, roll it back. See `Config`. */
  readonly config: Config;
  /** Feature flags: switch them, roll them out. Evaluated by `conclave/openfeature`. See `Flags`. */
  readonly flags: Flags;
  /** All locks at once: who holds what, who waits for whom; and locks as the Web Locks API has them. */
  readonly locks: Locks;
  readonly #context: RecipeContext;
  readonly #cells: Cells;
  readonly #stm: Stm;
  readonly #scope: Scope;
  /** Of groups, partitions and caches. */
  readonly #mirrors: SharedMirrors;
  readonly #ephemerals: Ephemerals;
  readonly #observers: Observers;
  #closing: Promise<void> | undefined;

  /** @internal Use `connect()`. `scope` closes the store and whatever it stands on. */
  constructor(context: RecipeContext, scope: Scope) {
    this.locks = new Locks(context);
    this.#context = context;
    this.#cells = new Cells(context);
    this.#stm = new Stm(context);
    this.#scope = scope;
    const files = new LocalFiles();
    this.registry = new Registry(context, files);
    this.config = new Config(context, files);
    this.flags = new Flags(context);
    this.#mirrors = new SharedMirrors(context.store, context.runtime);
    this.#ephemerals = new Ephemerals(context);
    this.#observers = new Observers(context);
  }

  /**
   * The session that all recipes of this connection share; a fresh one after a loss. Not open before it is needed:
   * `open()`.
   */
  get session(): Session {
    return this.#context.sessions.current;
  }

  /**
   * A session of its own, open, for what must not share the fate of the rest: `{ session }` in any recipe's options.
   * One more lease and heartbeat; `close()` it, or `await using`. With the `leaseId` of an earlier life of this process
   * it takes over that lease, if it is still there.
   * @throws as `Session.open`; ConclaveError `INVALID_TTL`, `INVALID_ARGUMENT`. Leaves no lease behind.
   */
  async newSession(options: SessionOptions & Pick<WaitOptions, 'signal'> = {}): Promise<Session> {
    const session = this.#context.sessions.fresh(options);
    try {
      await session.open(options);
      return session;
    } catch (error) {
      void session.close();
      throw error;
    }
  }

  /** Waits for the lock `name`. See `Mutex.lock`. */
  async lock(name: string, options: LockOptions = {}): Promise<Held> {
    return new Mutex(this.#context, name).lock(options);
  }

  /** The lock `name` if it is free, else null. See `Mutex.tryLock`. */
  async tryLock(name: string, options: LockOptions = {}): Promise<Held | null> {
    return new Mutex(this.#context, name).tryLock(options);
  }

  /** Runs `work` under the lock `name`. See `Mutex.withLock`. */
  withLock<T>(name: string, work: (held: Held) => Promise<T> | T): Promise<T>;
  withLock<T>(name: string, options: LockOptions, work: (held: Held) => Promise<T> | T): Promise<T>;
  async withLock<T>(
    name: string,
    ...rest: [work: (held: Held) => Promise<T> | T] | [options: LockOptions, work: (held: Held) => Promise<T> | T]
  ): Promise<T> {
    const [options, work] = rest.length === 1 ? [{}, rest[0]] : rest;
    return new Mutex(this.#context, name).withLock(options, work);
  }

  /**
   * The lock `name` to read, with other readers, or to write; to write is the same as `lock(name)`.
   * @throws ConclaveError `INVALID_NAME` for an empty name.
   */
  rwLock(name: string): RwLock {
    return new RwLock(this.#context, name);
  }

  /**
   * The semaphore `name`, of which all its users must declare the same number of permits.
   * @throws ConclaveError `INVALID_NAME` for an empty name, `INVALID_ARGUMENT` unless `permits` is a whole number above
   * 0.
   */
  semaphore(name: string, options: SemaphoreOptions): Semaphore {
    return new Semaphore(this.#context, name, options);
  }

  /** All the locks or none, without deadlock: names, readers, writers and semaphore permits. See `lockAll`. */
  async lockAll(entries: readonly LockEntry[], options: HoldOptions = {}): Promise<HeldAll> {
    return lockAll(this.#context, entries, options);
  }

  /** All the locks if all are free, else null. See `tryLockAll`. */
  async tryLockAll(entries: readonly LockEntry[], options: HoldOptions = {}): Promise<HeldAll | null> {
    return tryLockAll(this.#context, entries, options);
  }

  /** Who holds the lock `name` and who waits for it. */
  async inspectLock(name: string, options: { signal?: AbortSignal } = {}): Promise<LockState> {
    return inspectLock(this.#context, name, options);
  }

  /** Takes the lock `name` away from the holder with the fence `options.ifFence`, and from nobody else. */
  async breakLock(name: string, options: BreakOptions): Promise<boolean> {
    return breakLock(this.#context, name, options);
  }

  /**
   * The election `name`.
   * @throws ConclaveError `INVALID_NAME` for an empty name.
   */
  election(name: string): Election {
    return new Election(this.#context, name, this.#observers);
  }

  /**
   * The work queue `name`; all who use it should give the same options.
   * @throws ConclaveError `INVALID_NAME` for an empty name, `INVALID_ARGUMENT` for options that are no whole numbers.
   */
  queue<T = unknown>(name: string, options: QueueOptions<T> = {}): Queue<T> {
    return new Queue<T>(this.#context, name, options);
  }

  /**
   * The schedule `name`: what one of many processes runs at each tick. See `Schedule.run`.
   * @throws ConclaveError `INVALID_NAME` for an empty name.
   */
  schedule(name: string, options: SingleRunOptions = {}): Schedule {
    return new Schedule(this.#context, name, options);
  }

  /**
   * The barrier `name`: closed by `raise()`, open after `lift()`.
   * @throws ConclaveError `INVALID_NAME` for an empty name.
   */
  barrier(name: string): Barrier {
    return new Barrier(this.#context, name);
  }

  /**
   * One party of the double barrier `name`: `enter()` with the others, `leave()` with the others.
   * @throws ConclaveError `INVALID_NAME`; `INVALID_ARGUMENT` unless `parties` is a whole number from 1 to 100.
   */
  doubleBarrier(name: string, options: PartiesOptions): DoubleBarrier {
    return new DoubleBarrier(this.#context, name, options);
  }

  /** The barrier `name` at which so many wait for each other, again and again. Throws as `doubleBarrier`. */
  cyclicBarrier(name: string, options: PartiesOptions): CyclicBarrier {
    return new CyclicBarrier(this.#context, name, options);
  }

  /**
   * The latch `name`, which opens when it was counted down so often.
   * @throws ConclaveError `INVALID_NAME`; `INVALID_ARGUMENT` unless `count` is a whole number from 1.
   */
  countDownLatch(name: string, options: LatchOptions): CountDownLatch {
    return new CountDownLatch(this.#context, name, options);
  }

  /**
   * The counter `name`, a 64-bit number.
   * @throws ConclaveError `INVALID_NAME`; `INVALID_ARGUMENT` for bounds that are no 64-bit numbers, or cross.
   */
  counter(name: string, options: CounterOptions = {}): Counter {
    return new Counter(this.#cells, name, options);
  }

  /**
   * The sequence `name`: numbers that nobody gets twice.
   * @throws ConclaveError `INVALID_NAME`; `INVALID_ARGUMENT` unless `block` is a whole number from 1 to 10^9.
   */
  sequence(name: string, options: SequenceOptions = {}): Sequence {
    return new Sequence(this.#cells, name, options);
  }

  /**
   * The rate limiter `name`, which all its users share.
   * @throws ConclaveError `INVALID_NAME`; `INVALID_ARGUMENT` unless the options are whole numbers from 1.
   */
  rateLimiter(name: string, options: RateOptions): RateLimiter {
    return new RateLimiter(this.#cells, name, options);
  }

  /**
   * The group `name`: members that know of each other.
   * @throws ConclaveError `INVALID_NAME`.
   */
  group(name: string): Group {
    return new Group(this.#context, this.#mirrors, name);
  }

  /**
   * The partition `name`: items, or the slots of a hash ring, that members share, each with one of them at a time. All
   * who use it must say the same.
   * @throws ConclaveError `INVALID_NAME`, `INVALID_ARGUMENT`.
   */
  partition(name: string, options: PartitionOptions): Partition {
    return new Partition(this.#context, this.#mirrors, name, options);
  }

  /**
   * All keys with `prefix` in memory, kept in step with the store: one read and one watch, however many caches of the
   * same prefix there are. `close()` it, or `await using`.
   * @throws ConclaveError `INVALID_ARGUMENT`.
   */
  cache(prefix: Text, options: CacheOptions<string> & { readonly decode: 'text' }): Cache<string>;
  cache<T = unknown>(prefix: Text, options: CacheOptions<T> & { readonly decode: 'json' }): Cache<T>;
  cache<T = Bytes>(prefix: Text, options?: CacheOptions<T>): Cache<T>;
  cache<T>(prefix: Text, options: CacheOptions<T> = {}): Cache<T> {
    return new Cache<T>(this.#context, this.#mirrors, prefix, options);
  }

  /**
   * Keeps `key` on the store for as long as this process lives: it goes with the process, and comes back after every
   * lost lease, outage or foreign delete. Resolves when it stands there.
   * @throws `signal.reason` itself; ConclaveError `CONFLICT` when the key is somebody else's, or kept by this
   * connection already; `INVALID_NAME` for an empty key; `TIMEOUT`, what the store refuses. Leaves nothing behind.
   */
  async ephemeral(key: Text, value: Text, options: EphemeralOptions = {}): Promise<EphemeralKey> {
    return this.#ephemerals.keep(key, value, options);
  }

  /** All elections at once: who leads what, who stands. */
  get elections(): Elections {
    return new Elections(this.#context);
  }

  /** The key's value and revisions, or null. Linearizable. */
  async get(key: Text, options: CallOptions = {}): Promise<KeyValue | null> {
    return (await this.#store.range({ key: bytesOf(key) }, options)).kvs[0] ?? null;
  }

  /** Writes a key; `leaseId` hangs it on a lease. A lost answer rejects with `outcome: 'unknown'`. */
  async put(key: Text, value: Text, options: CallOptions & { leaseId?: bigint } = {}): Promise<PutResponse> {
    const txn = await this.#store.txn({ success: [put(key, value, options)] }, options);
    return { ...putAt(txn, 0), header: txn.header };
  }

  /** Deletes one key, or with `{ prefix: true }` all that start with it. */
  async delete(key: Text, options: CallOptions & { prefix?: boolean } = {}): Promise<DeleteRangeResponse> {
    const rangeEnd = options.prefix ? prefixEnd(bytesOf(key)) : undefined;
    const txn = await this.#store.txn({ success: [remove(key, { rangeEnd })] }, options);
    return { ...deleteAt(txn, 0), header: txn.header };
  }

  /** Reads a range at one revision; options as in etcd's RangeRequest. */
  async range(
    what: KeyOrPrefix & Omit<RangeRequest, 'key' | 'rangeEnd'> & { rangeEnd?: Text },
    options: CallOptions = {},
  ): Promise<RangeResponse> {
    return this.#store.range(selected(what), options);
  }

  /** Starts a txn; nothing is sent before `commit()`. */
  txn(): TxnBuilder {
    return new TxnBuilder(this.#store);
  }

  /** Runs `work` as a serializable transaction, again if others were in its way. See `Stm.run`. */
  stm<T>(work: (tx: Tx) => Promise<T> | T, options: StmOptions = {}): Promise<T> {
    return this.#stm.run(work, options);
  }

  /**
   * Yields changes in order, whole revisions at a time, across lost connections; what comes while the caller is busy
   * comes as one. An abort throws `signal.reason`.
   * Watches of this connection that ask for the same are one watch of etcd, and are told the same objects: do not
   * change their bytes. They share memory with what was received beside them (up to 8 KiB, as Node's own pool does):
   * copy what you keep for long.
   * @throws ConclaveError `COMPACTED` when the history it needs is gone: read again and watch from there.
   */
  watch(
    what: KeyOrPrefix & Omit<WatchCreateRequest, 'key' | 'rangeEnd' | 'watchId' | 'fragment'> & { rangeEnd?: Text },
    options: Pick<WaitOptions, 'signal'> = {},
  ): AsyncGenerator<WatchBatch, void, undefined> {
    return watchBatches(this.#store, selected(what), options.signal);
  }

  /**
   * Gives everything back: locks and leaderships, the lease, watches, sockets. Idempotent; afterwards every call
   * rejects with code `CLOSED`.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    try {
      await this.#context.sessions.close(new ConclaveError('CLOSED', 'the connection was closed'));
    } finally {
      await this.#scope.close();
    }
  }

  get #store(): Store {
    return this.#context.store;
  }
}
