import { expect } from 'vitest';
import { Conclave } from '../../src/conclave.js';
import { utf8Text } from '../../src/core/bytes.js';
import { Scope } from '../../src/core/scope.js';
import { EngineHost } from '../../src/engine/engine-host.js';
import { EngineStore } from '../../src/engine/engine-store.js';
import { Session, type SessionOptions } from '../../src/lease/session.js';
import { SessionKeeper } from '../../src/lease/session-keeper.js';
import type { RecipeContext } from '../../src/line/context.js';
import type { CrowdLimits } from '../../src/line/crowd.js';
import { Crowds } from '../../src/line/crowds.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import type { KeyValue } from '../../src/store/messages.js';
import { ClientRuntime } from './client-runtime.js';
import { FaultyStore } from './faulty-store.js';

/** One process of a simulated world: a network, clocks and an event loop of its own. */
export interface Client {
  readonly conclave: Conclave;
  readonly store: FaultyStore;
  readonly runtime: ClientRuntime;
  readonly context: RecipeContext;
  /** A session of its own, not opened. */
  session(options?: SessionOptions): Session;
}

/** Simulated time, one engine, and as many processes as a test needs. */
export class SimWorld {
  readonly sim: SimRuntime;
  readonly host: EngineHost;
  /** The store as it is, past all faults. */
  readonly truth: EngineStore;
  readonly #clients: Client[] = [];

  constructor(seed = 1) {
    this.sim = new SimRuntime({ seed });
    this.host = new EngineHost(this.sim);
    this.truth = new EngineStore(this.host);
  }

  client(options: SessionOptions & { readonly label?: string; readonly crowds?: Partial<CrowdLimits> } = {}): Client {
    const runtime = new ClientRuntime(this.sim);
    const store = new FaultyStore(new EngineStore(this.host), runtime, this.sim);
    const sessions = new SessionKeeper({ store, runtime }, { ttlMs: options.ttlMs });
    const context = {
      store,
      runtime,
      sessions,
      crowds: new Crowds(options.crowds),
      namespace: '',
      identity: { label: options.label },
    };
    const scope = new Scope();
    scope.add(() => store.close());
    const client = {
      conclave: new Conclave(context, scope),
      store,
      runtime,
      context,
      session: (own?: SessionOptions) => new Session({ store, runtime }, { ttlMs: options.ttlMs, ...own }),
    };
    this.#clients.push(client);
    return client;
  }

  /** A store that knows nothing, for clients whose store is made anew. */
  async anew(use: (store: EngineStore, host: EngineHost) => Promise<void>): Promise<void> {
    const host = new EngineHost(this.sim);
    await use(new EngineStore(host), host);
    host.close();
  }

  /** All keys that were ever put or deleted. */
  keysEverMade(): Set<string> {
    const { space } = this.host.engine;
    const keys = new Set<string>();
    for (let revision = 2n; revision <= space.revision; revision++) {
      for (const { text } of space.changesOf(revision)?.changes ?? []) keys.add(text);
    }
    return keys;
  }

  /** Every key below `prefix`, in the order in which they were made. */
  async keys(prefix = ''): Promise<KeyValue[]> {
    const { kvs } = await this.truth.range({ key: new Uint8Array([0]), rangeEnd: new Uint8Array([0]) });
    return kvs
      .filter(({ key }) => utf8Text(key).startsWith(prefix))
      .sort((a, b) => Number(a.createRevision - b.createRevision));
  }

  until<T>(promise: PromiseLike<T>): Promise<T> {
    return this.sim.until(Promise.resolve(promise));
  }

  advance(ms: number): Promise<void> {
    return this.sim.advance(ms);
  }

  settle(): Promise<void> {
    return this.sim.settle();
  }

  /** Waits until the store has ended the leases that nobody keeps alive any more. */
  async expire(keep = 0): Promise<void> {
    for (let i = 0; i < 120 && this.host.stats().leases > keep; i++) await this.advance(1_000);
    expect(this.host.stats().leases).toBe(keep);
  }

  /** Closes every client and checks that nothing is left: no key, lease, watch, call or timer. */
  async end(): Promise<void> {
    for (const { store, conclave } of this.#clients) {
      store.heal();
      await this.until(conclave.close());
    }
    await this.settle();
    for (const { store, runtime } of this.#clients) {
      expect({ watches: store.openWatches, timers: runtime.pendingTimers, calls: store.activeCalls }).toEqual({
        watches: 0,
        timers: 0,
        calls: 0,
      });
    }
    expect(this.host.stats()).toMatchObject({ keys: 0, leases: 0, watchers: 0 });
    this.host.close();
    expect(this.sim.pendingTimers).toBe(this.#clients.reduce((sum, { store }) => sum + store.inFlight, 0));
  }
}

/** Runs `test` in a world of its own and checks that it leaves nothing. */
export async function inWorld(test: (world: SimWorld) => Promise<void>, seed?: number): Promise<void> {
  const world = new SimWorld(seed);
  await test(world);
  await world.end();
}

/** How `promise` ended, as data; keeps a rejection from going unhandled meanwhile. */
export function outcomeOf<T>(promise: Promise<T>): Promise<{ readonly value: T } | { readonly error: unknown }> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

/** The error with which `promise` rejects. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await outcomeOf(promise);
  if ('value' in outcome) throw new Error(`expected a rejection, got ${String(outcome.value)}`);
  return outcome.error;
}
