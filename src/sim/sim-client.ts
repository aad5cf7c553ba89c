import { ConclaveError } from '../core/errors.js';
import { SessionKeeper } from '../lease/session-keeper.js';
import type { RecipeContext } from '../line/context.js';
import type { CrowdLimits } from '../line/crowd.js';
import { Crowds } from '../line/crowds.js';
import { BatchingStore } from '../store/batch/batching-store.js';
import { SharingStore } from '../store/sharing/sharing-store.js';
import type { Store } from '../store/store.js';
import { RpcStore } from '../wire/rpc-store.js';
import type { Recorder } from './history.js';
import type { Plan } from './plan.js';
import type { Prng } from './prng.js';
import { RecordingKvStore } from './recording-kv-store.js';
import { RecordingStore } from './recording-store.js';
import { SimChannel } from './sim-channel.js';
import type { SimLink } from './sim-link.js';
import { SimProcess } from './sim-process.js';
import type { SimServer } from './sim-server.js';
import type { World } from './world.js';

/** What a client process is made of. */
export interface ClientSite {
  readonly world: World;
  readonly plan: Plan;
  readonly recorder: Recorder;
  readonly server: SimServer;
  readonly link: SimLink;
  readonly random: Prng;
  readonly recordsKv: boolean;
  /** Default: as ever. */
  readonly crowds?: Partial<CrowdLimits> | undefined;
}

/** One client process from start to crash or close: the store, the session and the recipes as they are shipped. */
export class SimClient {
  readonly name: string;
  readonly process: SimProcess;
  readonly store: Store;
  readonly context: RecipeContext;
  readonly #site: ClientSite;
  readonly #channels: readonly SimChannel[];
  readonly #leases: RecordingStore;
  #closed = false;

  constructor(site: ClientSite, name: string) {
    const { world, plan, server, link, random, recorder } = site;
    this.#site = site;
    this.name = name;
    this.process = new SimProcess(world, name, random.fork());
    const runtime = this.process;
    const where = { world, client: this.process, link, server, asBytes: plan.asBytes };
    this.#channels = Array.from({ length: plan.endpoints }, (_, i) => new SimChannel(where, `${name}-${i}`));
    const { requestTimeoutMs, batchAfter: inFlightMax } = plan;
    const rpc = new RpcStore({ channels: this.#channels, runtime, requestTimeoutMs });
    const calls = inFlightMax === undefined ? rpc : new BatchingStore(rpc, { runtime, requestTimeoutMs, inFlightMax });
    this.#leases = new RecordingStore(new SharingStore(calls), recorder, name);
    this.store = site.recordsKv ? new RecordingKvStore(this.#leases, recorder, name) : this.#leases;
    const sessions = new SessionKeeper({ store: this.store, runtime }, { ttlMs: plan.ttlMs });
    this.context = {
      store: this.store,
      runtime,
      sessions,
      crowds: new Crowds(site.crowds),
      namespace: '',
      identity: { label: name },
    };
  }

  get recorder(): Recorder {
    return this.#site.recorder;
  }

  get world(): World {
    return this.#site.world;
  }

  get server(): SimServer {
    return this.#site.server;
  }

  get link(): SimLink {
    return this.#site.link;
  }

  get channels(): readonly SimChannel[] {
    return this.#channels;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether nothing that a session asks by itself is under way. */
  get resting(): boolean {
    return this.process.crashed || this.#leases.pending === 0;
  }

  /** As `Conclave.close()` does. */
  async close(): Promise<void> {
    await this.context.sessions.close(new ConclaveError('CLOSED', 'the connection was closed'));
    await this.store.close();
    this.#closed = true;
  }

  pause(): void {
    this.recorder.note(this.name, 'process', 'pause', null);
    this.process.pause();
  }

  /** See `SimProcess.resume`. */
  resume(timersFirst: boolean, sleptMs: number): void {
    if (this.process.crashed || !this.process.paused) return;
    this.recorder.note(this.name, 'process', 'resume', null);
    this.process.resume(timersFirst, sleptMs);
  }

  crash(): void {
    this.process.crash();
    this.recorder.note(this.name, 'process', 'crash', null);
    for (const channel of this.#channels) channel.clientGone();
  }
}
