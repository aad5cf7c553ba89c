import type { Conclave } from '../conclave.js';
import { pause } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import { ttlSeconds } from '../lease/ttl.js';
import { type History, Recorder } from '../sim/history.js';
import type { LinkOptions } from '../sim/sim-link.js';
import { SimServer } from '../sim/sim-server.js';
import * as faults from './client-faults.js';
import type { Awaitable } from './condition.js';
import { type Fault, FaultBoard } from './fault.js';
import { keysOf, type LeftBehind, leasesOf } from './left-behind.js';
import { ServerFaults } from './server-faults.js';
import { TestClient, type TestConnectOptions } from './test-client.js';
import { checkMs, type TestTime, type UntilOptions } from './test-time.js';

/** What a cluster is made of; `createTestCluster` puts it together. */
export interface ClusterParts {
  readonly seed: number;
  readonly time: TestTime;
  readonly network: LinkOptions;
  /** What the clients' wall clocks show at first; undefined: something in January 2025. */
  readonly wallMs: () => number | undefined;
}

/**
 * A store with clients, a network between them, and everything that can go wrong with it. Faults begin at once and
 * return at once; what follows from them takes time, which `advance` and `until` let pass. Each is safe to call twice.
 *
 * Every method that takes a `Conclave` throws ConclaveError `INVALID_ARGUMENT` unless it is a client of this cluster.
 */
export class TestCluster implements AsyncDisposable {
  /** What decides every delay, id and clock; `createTestCluster({ seed })` plays the same again. */
  readonly seed: number;
  /** Writes down what the store does (leases and every change), and what else a test tells it, for the checkers. */
  readonly recorder: Recorder;
  readonly #parts: ClusterParts;
  readonly #time: TestTime;
  readonly #server: SimServer;
  readonly #serverBoard = new FaultBoard();
  readonly #serverFaults: ServerFaults;
  readonly #clients = new Map<Conclave, TestClient>();
  #closing: Promise<void> | undefined;

  /** @internal Use `createTestCluster()`. */
  constructor(parts: ClusterParts) {
    const { world } = parts.time;
    this.seed = parts.seed;
    this.#parts = parts;
    this.#time = parts.time;
    this.recorder = new Recorder({ nowMs: () => world.nowMs });
    this.#server = new SimServer(world, world.random.fork(), this.recorder, { recordsKv: true, onChanged: () => {} });
    this.#serverFaults = new ServerFaults(this.#server, parts.time, this.#serverBoard);
  }

  /**
   * Another client: a process of its own with one connection, which is what `connect()` of the library gives. Sends
   * nothing, and works while the server is down.
   * @throws ConclaveError `INVALID_TTL`; `CLOSED` after `close()`.
   */
  async connect(options: TestConnectOptions = {}): Promise<Conclave> {
    if (this.#closing !== undefined) throw new ConclaveError('CLOSED', 'the test cluster is closed');
    if (options.ttlMs !== undefined) ttlSeconds(options.ttlMs);
    const { time, network, wallMs } = this.#parts;
    const site = { time, network, wallMs: wallMs(), server: this.#server, recorder: this.recorder };
    const name = options.name ?? `client-${this.#clients.size + 1}`;
    const client = new TestClient(site, name, time.world.random.fork(), options);
    this.#clients.set(client.conclave, client);
    return client.conclave;
  }

  // Time.

  /** Milliseconds since the cluster was made: simulated ones, unless `time` is `real`. */
  get nowMs(): number {
    return this.#time.world.nowMs;
  }

  /**
   * Lets so much time pass, with everything that happens meanwhile; in real time it waits.
   * @throws ConclaveError `INVALID_ARGUMENT` unless `ms` is a finite number of at least 0.
   */
  advance(ms: number): Promise<void> {
    return this.#time.advance(ms);
  }

  /**
   * Lets time pass until `what` has come true: a promise that settles, or a function that returns something truthy (or
   * a promise of it), which is asked after every event. Settles as the promise does, or resolves to what the function
   * gave.
   * @throws ConclaveError `TIMEOUT` after `maxMs`, naming the seed and the faults that are active; whatever `what`
   * throws.
   */
  until<T>(what: Awaitable<T>, options: UntilOptions = {}): Promise<T> {
    return this.#time.until(what, options);
  }

  /** Waits until every message has arrived that is on its way; the end of a watch, say, after a `close()`. */
  async settle(): Promise<void> {
    const { world } = this.#time;
    await this.#time.until(() => !world.onTheWay);
  }

  /** The clocks, timers and chance of the client's process, for code under test that takes its time as a parameter. */
  runtimeOf(conclave: Conclave): Runtime {
    return this.#client(conclave).process;
  }

  /**
   * Waits for `ms` on the client's clock, in its process: for code under test that takes its `setTimeout` of
   * `node:timers/promises` as a parameter. An abort rejects with `signal.reason`.
   */
  sleep(conclave: Conclave, ms: number, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    return pause(this.#client(conclave).process, ms, signal);
  }

  // The store, as it is, past every network and fault.

  /** The store's revision: grows by one with every change. */
  get revision(): bigint {
    return this.#server.truth.stats().revision;
  }

  /** The keys that start with `prefix`, as text, in the store's order. */
  keys(prefix = ''): readonly string[] {
    return keysOf(this.#server, prefix);
  }

  /**
   * Keys, leases, watches and timers that are there now: all empty when everybody has closed and `settle()` has
   * resolved. `ignore`: prefixes of keys that are to stay.
   * @throws ConclaveError `INVALID_ARGUMENT` unless `ignore` is an array.
   */
  leftBehind({ ignore = [] }: { readonly ignore?: readonly string[] } = {}): LeftBehind {
    // One prefix by itself would be taken for a list of its letters.
    if (!Array.isArray(ignore)) throw new ConclaveError('INVALID_ARGUMENT', 'ignore must be an array of prefixes');
    const living = [...this.#clients.values()].filter(({ process }) => !process.crashed);
    return {
      keys: this.keys().filter((key) => !ignore.some((prefix) => key.startsWith(prefix))),
      leases: leasesOf(this.#server),
      watches: this.#server.truth.stats().watchers,
      timers: living.reduce((sum, { process }) => sum + process.pendingTimers, 0),
    };
  }

  /** What `recorder` has written, for checkers. */
  get history(): History {
    return this.recorder.history;
  }

  /**
   * Of everything that has happened, with its time and order: in simulated time equal for equal seeds and equal tests.
   */
  get traceHash(): string {
    return this.#time.world.hash.digest;
  }

  /** Seed and active faults, for messages: `seed 7, faults: partition of client-1`. */
  describe(): string {
    const ofClients = [...this.#clients.values()].flatMap((client) =>
      client.faults.active.map((name) => `${name} of ${client.name}`),
    );
    const active = [...this.#serverBoard.active, ...ofClients];
    return `seed ${this.seed}, faults: ${active.length === 0 ? 'none' : active.join(', ')}`;
  }

  // Faults of one client's network.

  /**
   * Nothing passes between the client and the server, or only one way: `toServer` loses what the client sends,
   * `toClient` what it is sent. Nobody is told. When it heals, what was under way fails with `UNAVAILABLE`.
   */
  partition(conclave: Conclave, { direction = 'both' }: { direction?: faults.Direction | 'both' } = {}): Fault {
    return faults.partition(this.#client(conclave), direction);
  }

  /** The store never sees the client's next request. */
  loseNextRequest(conclave: Conclave, options: faults.LoseOptions = {}): Fault {
    return faults.loseNext(this.#client(conclave), 'toServer', 'loseNextRequest', options);
  }

  /** The store carries out the client's next request, and the client never hears so. */
  loseNextReply(conclave: Conclave, options: faults.LoseOptions = {}): Fault {
    return faults.loseNext(this.#client(conclave), 'toClient', 'loseNextReply', options);
  }

  /**
   * The store carries out the client's next request twice, as behind a proxy that retries; the second answer counts.
   */
  duplicateNextRequest(conclave: Conclave, options: faults.DuplicateOptions = {}): Fault {
    return faults.duplicateNext(this.#client(conclave), 'duplicateNextRequest', options);
  }

  /** Every message to and from the client takes longer, by `ms` each way. */
  delay(conclave: Conclave, ms: number): Fault {
    return faults.delay(this.#client(conclave), ms);
  }

  /** The client's connection breaks once; the next call makes another. */
  loseConnection(conclave: Conclave): void {
    this.#client(conclave).channel.reset();
  }

  // Faults of one client's process. What the test itself calls on it meanwhile is not held back; answers are.

  /** SIGSTOP for `ms`: its clocks go on, nothing runs; on waking it finds first what has arrived, then its timers. */
  pause(conclave: Conclave, ms: number): Fault {
    return faults.standStill(this.#client(conclave), 'pause', ms, this.#time);
  }

  /**
   * Its event loop is busy for `ms`: like `pause`, but the late timers run before anything that has arrived is seen.
   */
  stall(conclave: Conclave, ms: number): Fault {
    return faults.standStill(this.#client(conclave), 'stall', ms, this.#time);
  }

  /** Its machine sleeps for `ms`: the monotonic clock and timers stand still, the boot-time and wall clocks go on. */
  suspend(conclave: Conclave, ms: number): Fault {
    return faults.standStill(this.#client(conclave), 'suspend', ms, this.#time);
  }

  /** Somebody sets its wall clock, by `ms` forward or (negative) back. */
  jumpClock(conclave: Conclave, ms: number): void {
    checkMs('the size of ms', Math.abs(ms));
    this.#client(conclave).process.jumpWall(ms);
  }

  /** SIGKILL: nothing of it happens any more, its promises never settle, nobody gives anything back. */
  crash(conclave: Conclave): void {
    this.#client(conclave).crash();
  }

  // Faults of the server.

  /**
   * The server revokes a lease that is alive, and deletes its keys, though nobody asked for it: etcd #12528, #15247.
   * Takes whatever has a `leaseId`: a session, something held; or the id.
   * @throws ConclaveError `LEASE_NOT_FOUND` if there was no such lease; `UNAVAILABLE` while the server is down.
   */
  expire(lease: { readonly leaseId: bigint } | bigint): void {
    this.#serverFaults.expire(typeof lease === 'bigint' ? lease : lease.leaseId);
  }

  /**
   * History is forgotten, up to `back` revisions before the present: a watch that needs it ends with `COMPACTED`.
   * @throws ConclaveError `UNAVAILABLE` while the server is down.
   */
  compact({ back = 0 }: { back?: number } = {}): void {
    this.#serverFaults.compact(back);
  }

  /** SIGSTOP of the server for `ms`; its leases do not run out meanwhile, as `conclave serve` promises. */
  pauseServer(ms: number): Fault {
    return this.#serverFaults.pause(ms);
  }

  /** SIGKILL of the server, and a start `downMs` later with all that it has acknowledged and full TTLs. */
  restartServer({ downMs = 0 }: { downMs?: number } = {}): Fault {
    return this.#serverFaults.restart(downMs);
  }

  /**
   * The store is restored from a backup, `downMs` after it has gone: the last `back` revisions, which it had
   * acknowledged, have never been, nor leases granted since. Revisions, and so fences, come again.
   */
  restoreServer({ back, downMs = 0 }: { back: number; downMs?: number }): Fault {
    return this.#serverFaults.restore(back, downMs);
  }

  /** The etcd behind it has another leader: every lease has its full TTL again, and all connections break. */
  changeLeader(): void {
    this.#serverFaults.changeLeader();
  }

  // Their end.

  /** Ends every fault of the client, or of everyone and the server. What has crashed stays dead. */
  heal(conclave?: Conclave): void {
    const healed = conclave === undefined ? [...this.#clients.values()] : [this.#client(conclave)];
    if (conclave === undefined) this.#serverBoard.endAll();
    for (const { faults: board, channel } of healed) {
      board.endAll();
      // Half of a connection may be gone, and nobody knows.
      for (const stream of channel.streams) if (stream.silenced) stream.reset();
    }
  }

  /**
   * Heals everything and closes every client. Idempotent. In real time nothing is left that keeps the process alive.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.heal();
    try {
      const living = [...this.#clients.values()].filter(({ process }) => !process.crashed);
      await Promise.all(living.map(({ conclave }) => conclave.close()));
      await this.settle();
    } finally {
      this.#time.stop();
    }
  }

  #client(conclave: Conclave): TestClient {
    const client = this.#clients.get(conclave);
    if (client !== undefined) return client;
    throw new ConclaveError('INVALID_ARGUMENT', 'not a client of this test cluster: take one that its connect() gave');
  }
}
