import type { JournalEntry } from '../engine/journal.js';
import type { Revision } from '../engine/key-record.js';
import { createService } from '../server/service.js';
import type { RpcService } from '../wire/rpc-service.js';
import type { Recorder } from './history.js';
import type { Prng } from './prng.js';
import type { SimChannel } from './sim-channel.js';
import { SimProcess } from './sim-process.js';
import { WitnessedHost } from './witnessed-host.js';
import type { World } from './world.js';

/** The server between a start and a crash. */
export interface ServerInstance {
  readonly process: SimProcess;
  readonly host: WitnessedHost;
  readonly service: RpcService;
}

export interface SimServerOptions {
  /** Records every change of the store, for the checkers of KV and watch. */
  readonly recordsKv: boolean;
  /** Called after each revision. */
  readonly onChanged: (server: SimServer, revision: Revision) => void;
}

/**
 * The engine behind the real handlers, in a process of its own, which can be paused, killed and started again with its
 * log.
 */
export class SimServer {
  readonly #world: World;
  readonly #random: Prng;
  readonly #recorder: Recorder;
  readonly #options: SimServerOptions;
  #journal: JournalEntry[] = [];
  readonly #channels = new Set<SimChannel>();
  readonly #ids: { readonly clusterId: bigint; readonly memberId: bigint };
  #starts = 0;
  #running: ServerInstance | undefined;
  #latest: ServerInstance;

  constructor(world: World, random: Prng, recorder: Recorder, options: SimServerOptions) {
    this.#world = world;
    this.#random = random;
    this.#recorder = recorder;
    this.#options = options;
    this.#ids = { clusterId: 1n + BigInt(random.uint32()), memberId: 1n + BigInt(random.uint32()) };
    this.#latest = this.#start();
  }

  /** Undefined while it is down. */
  get instance(): ServerInstance | undefined {
    return this.#running;
  }

  /** The store as it is, past all networks; while the server is down, as it was. */
  get truth(): WitnessedHost {
    return this.#latest.host;
  }

  get recorder(): Recorder {
    return this.#recorder;
  }

  connected(channel: SimChannel): void {
    this.#channels.add(channel);
  }

  get channels(): Iterable<SimChannel> {
    return this.#channels;
  }

  forget(channel: SimChannel): void {
    this.#channels.delete(channel);
  }

  /** SIGKILL. Everything that it has acknowledged is in its log; `compacted`: which was made shorter just before. */
  crash(compacted = false): void {
    const instance = this.#running;
    if (instance === undefined) return;
    if (compacted) this.#journal = [...instance.host.checkpoint()];
    this.#running = undefined;
    instance.process.crash();
    instance.host.silence();
    for (const channel of this.#channels) channel.serverGone();
  }

  /** While it is down: nothing is left in its log of what came after `revision`, as if that were a backup of then. */
  goBack(revision: bigint): void {
    const lost = this.#journal.findIndex((entry) => entry.type === 'changes' && entry.changes.revision > revision);
    if (lost >= 0) this.#journal = this.#journal.slice(0, lost);
  }

  /** Starts it again from its log; every lease has its full TTL again. */
  start(): void {
    if (this.#running !== undefined) return;
    this.#latest = this.#start();
  }

  /** Whether the key, given as latin1 text, exists with this create revision. */
  has(text: string, createRevision: bigint): boolean {
    return this.truth.engine.space.get(text)?.createRevision === createRevision;
  }

  hasLease(lease: bigint): boolean {
    return this.truth.engine.leaseLeases().leases.some(({ id }) => id === lease);
  }

  #start(): ServerInstance {
    this.#starts += 1;
    const name = this.#starts === 1 ? 'server' : `server#${this.#starts}`;
    const process = new SimProcess(this.#world, name, this.#random.fork());
    const host = new WitnessedHost(process, this.#recorder, this.#options, {
      ...this.#ids,
      onEntry: (entry) => {
        this.#journal.push(entry);
        if (entry.type === 'changes') this.#options.onChanged(this, entry.changes);
      },
    });
    host.restore(this.#journal);
    const instance = { process, host, service: createService(host, { runtime: process }) };
    this.#running = instance;
    return instance;
  }
}
