import { Conclave } from '../conclave.js';
import { contextOf } from '../connect/context.js';
import type { ConnectOptions } from '../connect/options.js';
import type { ConclaveError } from '../core/errors.js';
import { Scope } from '../core/scope.js';
import type { SessionContext } from '../lease/session.js';
import { SessionKeeper } from '../lease/session-keeper.js';
import type { Recorder } from '../sim/history.js';
import type { Prng } from '../sim/prng.js';
import { SimChannel } from '../sim/sim-channel.js';
import { type LinkOptions, SimLink } from '../sim/sim-link.js';
import { SimProcess } from '../sim/sim-process.js';
import type { SimServer } from '../sim/sim-server.js';
import { RpcStore } from '../wire/rpc-store.js';
import { FaultBoard } from './fault.js';
import type { TestTime } from './test-time.js';

/** What `connect()` of a test cluster takes: the options of the real one that make sense without sockets. */
export interface TestConnectOptions extends Pick<ConnectOptions, 'namespace' | 'ttlMs' | 'label' | 'requestTimeoutMs'> {
  /** The process's name in messages and histories. Default: `client-1`, `client-2` … */
  readonly name?: string | undefined;
}

/** Where a client lives. */
export interface ClientSite {
  readonly time: TestTime;
  readonly server: SimServer;
  readonly recorder: Recorder;
  readonly network: LinkOptions;
  /** What its wall clock shows at first; undefined: whatever its chance draws. */
  readonly wallMs: number | undefined;
}

/** One process with one connection: the shipped store, session and recipes over a simulated network. */
export class TestClient {
  readonly name: string;
  readonly process: SimProcess;
  readonly link: SimLink;
  readonly channel: SimChannel;
  readonly conclave: Conclave;
  readonly faults = new FaultBoard();
  readonly #site: ClientSite;

  constructor(site: ClientSite, name: string, random: Prng, options: TestConnectOptions) {
    const { time, server, network, wallMs } = site;
    const { world } = time;
    this.#site = site;
    this.name = name;
    this.process = new SimProcess(world, name, random.fork());
    if (wallMs !== undefined) this.process.jumpWall(wallMs - this.process.clocks().wallMs);
    this.link = new SimLink(world, random.fork(), network);
    this.channel = new SimChannel({ world, client: this.process, link: this.link, server, asBytes: true }, name);
    this.conclave = this.#conclave(options);
  }

  /** SIGKILL. Idempotent. */
  crash(): void {
    if (this.process.crashed) return;
    this.faults.endAll();
    this.process.crash();
    this.#site.recorder.note(this.name, 'process', 'crash', null);
    this.channel.clientGone();
  }

  #conclave(options: TestConnectOptions): Conclave {
    const { process, channel } = this;
    const { time, server } = this.#site;
    const { requestTimeoutMs, ttlMs, label = this.name } = options;
    const store = new RpcStore({ channels: [channel], runtime: process, requestTimeoutMs });
    const scope = new Scope();
    // Of a process that has crashed nobody is left who could give anything back, or hear of it.
    scope.add(() => (process.crashed ? undefined : store.close()));
    scope.add(() => server.forget(channel));
    const context = contextOf(store, process, options);
    const sessions = new TestSessions(context, ttlMs, (closing) =>
      process.crashed ? undefined : time.until(closing()),
    );
    return new Conclave({ ...context, sessions, identity: { host: 'test', label } }, scope);
  }
}

/** Sessions whose end moves time: whoever closes a connection need not know that it stands still. */
class TestSessions extends SessionKeeper {
  readonly #drive: (closing: () => Promise<void>) => Promise<void> | undefined;

  constructor(
    context: SessionContext,
    ttlMs: number | undefined,
    drive: (closing: () => Promise<void>) => Promise<void> | undefined,
  ) {
    super(context, { ttlMs });
    this.#drive = drive;
  }

  override async close(error: ConclaveError): Promise<void> {
    await this.#drive(() => super.close(error));
  }
}
