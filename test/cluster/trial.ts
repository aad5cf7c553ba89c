import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type History, mergeHistories, type Plain, Recorder } from '../../src/sim/history.js';
import { Prng } from '../../src/sim/prng.js';
import { fastTemp } from '../support/etcd/process.js';
import { ClientProcess, spawnNode } from './client-process.js';
import { monotonicMs, until } from './clock.js';
import { Cluster, type ClusterOptions } from './cluster.js';
import type { ClientConfig, Variant, WorkName } from './messages.js';
import { openLink, TcpProxy } from './tcp-proxy.js';
import { Witness } from './witness.js';

export interface TrialOptions {
  readonly etcd: string;
  /** The folder with the suite as JavaScript: see build.ts. */
  readonly tree: string;
  readonly work: WorkName;
  readonly variant: Variant;
  readonly clients: number;
  readonly seed: number;
  /** Of every session; etcd grants 2 s at least. Default: 2,000. */
  readonly ttlMs?: number | undefined;
  readonly prepare?: ClusterOptions['prepare'];
  readonly site?: ClusterOptions['site'];
  /** More environment for clients, as for libfaketime. */
  readonly env?: NodeJS.ProcessEnv | undefined;
}

const requestTimeoutMs = 2000;
/** Of a client, on a machine with far more to do than it can. */
const startBoundMs = 120_000;
/** In which each client must do something again after everything is healed. */
const progressBoundMs = 20_000;
/** In which a call that is under way must have ended. */
const finishBoundMs = 30_000;
const closeBoundMs = 15_000;

const namesOf: Readonly<Record<WorkName, readonly string[]>> = {
  lock: ['a', 'b', 'c', 'd'],
  outside: ['a'],
  shared: ['x', 'y'],
  election: ['a'],
  queue: ['q'],
  schedule: ['s', 'q'],
  ephemeral: ['0', '1', '2'],
  registry: ['users'],
  config: ['app'],
  cache: ['cache-data/'],
  barrier: ['b'],
  counter: ['n'],
  partition: ['jobs'],
  stm: ['stm-data/a', 'stm-data/b', 'stm-data/c'],
  kv: ['a', 'b', 'c', 'd', 'e', 'f'],
};

/** Where recipes keep what must be gone in the end. */
const recipePrefixes = [
  'locks/',
  'elections/',
  'semaphores/',
  'queues/',
  'schedules/',
  'e/',
  'services/',
  'cyclic-barriers/',
  'double-barriers/',
  'partitions/',
  'stm/',
];

/** What of it is there to stay: how many permits, jobs, schedules. */
const staysThere: Readonly<Partial<Record<WorkName, RegExp>>> = {
  shared: /^semaphores\/s\/declared$/,
  queue: /^queues\/q\/(tail$|(gone|jobs|ready|delayed|taken|dead)\/)/,
  schedule:
    /^(queues\/q|schedules\/s)\/(tail$|switch$|(gone|jobs|ready|delayed|waiting|busy|vacant|taken|dead|schedules)\/)/,
};

/** A cluster with clients at work on it, and the history of both. */
export class Trial implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly witness: Witness;
  readonly world = new Recorder({ nowMs: monotonicMs });
  readonly random: Prng;
  /** All that ever were. */
  readonly clients: ClientProcess[] = [];
  readonly ttlMs: number;
  /** What went wrong beside the history: a client that ended, or did not. */
  readonly problems: string[] = [];
  readonly #options: TrialOptions;
  readonly #folder = mkdtempSync(join(fastTemp(), 'conclave-clients-'));
  readonly #proxies: TcpProxy[][] = [];
  #store: { readonly child: ChildProcess; readonly port: number } | undefined;
  #lastClient = 0;

  static async start(options: TrialOptions): Promise<Trial> {
    const cluster = await Cluster.start(options);
    const trial = new Trial(options, cluster);
    try {
      await trial.#start();
      return trial;
    } catch (error) {
      await trial[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(options: TrialOptions, cluster: Cluster) {
    this.#options = options;
    this.cluster = cluster;
    this.witness = new Witness(cluster);
    this.random = new Prng(options.seed);
    this.ttlMs = options.ttlMs ?? 2000;
  }

  get work(): WorkName {
    return this.#options.work;
  }

  /** Longer than the TTL of every session, by more than etcd is late. */
  get longMs(): number {
    return this.ttlMs + 1500;
  }

  /** The proxies of the clients of one place, one per member. */
  links(place: number): readonly TcpProxy[] {
    return this.#proxies[place] ?? [];
  }

  note(fault: Plain): void {
    this.world.note('world', 'cluster', 'fault', fault);
  }

  /** SIGSTOP; what the client did before stands before it in the history. */
  async pauseClient(client: ClientProcess): Promise<void> {
    await client.pause();
    this.world.note(client.name, 'client', 'pause', null);
  }

  resumeClient(client: ClientProcess): void {
    this.world.note(client.name, 'client', 'resume', null);
    client.resume();
  }

  /** SIGKILL, and another client in its place. */
  async replaceClient(client: ClientProcess): Promise<void> {
    await client.kill();
    this.world.note(client.name, 'client', 'crash', null);
    await this.#startClient(client.place);
  }

  /** Those that are not dead. */
  get live(): readonly ClientProcess[] {
    return this.clients.filter(({ running }) => running);
  }

  /** No fault is active from here on, and everyone gets somewhere again. */
  async heal(): Promise<void> {
    for (const proxy of this.#proxies.flat()) proxy.link = openLink;
    await this.cluster.heal();
    for (const client of this.live) if (client.paused) this.resumeClient(client);
    this.world.note('world', 'cluster', 'phase', { phase: 'healed' });
    const before = new Map(this.live.map((client) => [client, client.progress]));
    const moved = ([client, progress]: [ClientProcess, number]) => !client.running || client.progress > progress;
    await until(progressBoundMs, () => [...before].every(moved));
    const stuck = [...before].filter((each) => !moved(each)).map(([{ name }]) => name);
    if (stuck.length > 0) this.problems.push(`no progress within ${progressBoundMs} ms of healing: ${stuck.join()}`);
  }

  /** Everyone finishes and gives back; the whole history. */
  async finish(): Promise<History> {
    await this.#all('finish', 'finished', finishBoundMs);
    await this.#crashedAreGone();
    const revision = await this.#tombstone();
    if (!(await this.witness.reaches(revision, 10_000))) this.problems.push('the witness did not see the last write');
    await this.#all('settle', 'settled', closeBoundMs + 5000);
    this.world.note('world', 'cluster', 'phase', { phase: 'end' });
    for (const client of this.live) client.order('close');
    for (const client of this.live) {
      if (!(await client.ends(closeBoundMs)))
        this.problems.push(`${client.name} did not close within ${closeBoundMs} ms`);
    }
    for (const client of this.clients) if (client.fault !== undefined) this.problems.push(client.fault);
    await this.#residue();
    await this.witness.stop();
    if (this.witness.problem !== undefined) this.problems.push(`witness: ${this.witness.problem.message}`);
    return mergeHistories(this.world.history, ...this.clients.map((client) => client.history()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.witness.stop();
    await Promise.all(this.clients.map((client) => client.kill()));
    this.#store?.child.kill('SIGKILL');
    await Promise.all(this.#proxies.flat().map((proxy) => proxy.close()));
    await this.cluster.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    this.witness.start();
    if (this.work === 'outside') this.#store = await startStore(this.#script('outside-store.js'));
    for (let i = 0; i < this.#options.clients; i++) {
      const proxies = this.cluster.members.map(
        ({ host, clientPort }) => new TcpProxy({ targetHost: host, targetPort: clientPort }),
      );
      for (const proxy of proxies) await proxy.listen();
      this.#proxies.push(proxies);
    }
    await Promise.all(this.#proxies.map((_, i) => this.#startClient(i)));
    this.world.note('world', 'cluster', 'phase', { phase: 'faults' });
  }

  async #startClient(place: number): Promise<void> {
    this.#lastClient += 1;
    const name = `c${this.#lastClient}`;
    const ports = this.links(place).map(({ port }) => `127.0.0.1:${port}`);
    // Each begins with another member.
    const endpoints = ports.map((_, i) => ports[(i + place) % ports.length]);
    const config: ClientConfig = {
      process: name,
      place,
      file: join(this.#folder, `${name}.jsonl`),
      url: `http://${endpoints.join()}`,
      ttlMs: this.ttlMs,
      requestTimeoutMs,
      seed: this.random.uint32(),
      work: this.work,
      names: namesOf[this.work],
      variant: this.#options.variant,
      storePort: this.#store?.port,
    };
    const env = { ...process.env, ...this.#options.env };
    const client = new ClientProcess(this.#script('client.js'), place, config, env);
    this.clients.push(client);
    const started = await until(startBoundMs, () => client.has('ready') || !client.running);
    if (started === undefined) throw new Error(`${name} is not ready within ${startBoundMs} ms: ${client.stderr}`);
    if (!client.running) throw new Error(`${name} ended at once: ${client.stderr}`);
  }

  async #all(order: 'finish' | 'settle', report: 'finished' | 'settled', boundMs: number): Promise<void> {
    for (const client of this.live) client.order(order);
    const slow = () => this.live.filter((client) => !client.has(report));
    if (await until(boundMs, () => slow().length === 0)) return;
    this.problems.push(
      `not ${report} within ${boundMs} ms: ${slow()
        .map(({ name }) => name)
        .join()}`,
    );
  }

  /**
   * What crashed clients left goes with their leases: nothing is to change when observers are asked for the last of it.
   */
  async #crashedAreGone(): Promise<void> {
    const { gateway } = await this.cluster.needLeader();
    await until(5 * this.ttlMs, async () => (await gateway.leases()).length <= this.live.length, 200);
  }

  /** A last write: whoever has seen it has seen everything. */
  async #tombstone(): Promise<bigint> {
    const pending = this.world.invoke('world', 'kv', 'kv.put', { key: 'tombstone', value: 'x' });
    const leader = await this.cluster.needLeader();
    const revision = await leader.gateway.put('tombstone', 'x', 5000);
    pending.ok({ revision });
    return revision;
  }

  /** Anything that no crash explains stays, and is found. */
  async #residue(): Promise<void> {
    const { gateway } = await this.cluster.needLeader();
    let keys: string[] = [];
    let leases: bigint[] = [];
    await until(
      5 * this.ttlMs,
      async () => {
        keys = (await Promise.all(recipePrefixes.map((prefix) => gateway.keys(prefix)))).flat();
        keys = keys.filter((key) => !staysThere[this.work]?.test(key));
        leases = await gateway.leases();
        return keys.length === 0 && leases.length === 0;
      },
      200,
    );
    this.world.note('server', 'kv', 'residue', { keys, leases });
  }

  #script(name: string): string {
    return join(this.#options.tree, 'test', 'cluster', name);
  }
}

async function startStore(script: string): Promise<{ child: ChildProcess; port: number }> {
  const child = spawnNode(script, []);
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return { child, port };
}

/** The tree that this very file stands in, when it runs as JavaScript. */
export function ownTree(): string {
  return fileURLToPath(new URL('../../', import.meta.url));
}
