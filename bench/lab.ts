import { freePorts } from '../test/support/etcd/free-ports.js';
import { Generator } from './load/generator.js';
import { recipeOf, type ServerKind } from './servers/recipes.js';
import { ServerProcess } from './servers/server-process.js';

/** How long everything may take. */
export interface Scale {
  readonly quick: boolean;
  /** Times that each subject of a row is measured. */
  readonly rounds: number;
  /** Of one measurement of a rate. */
  readonly sampleMs: number;
  /** Of load that nobody counts, per kind of call and server. */
  readonly warmUpMs: number;
  /** Of what a store is filled with to see how it bears it. */
  readonly keys: number;
  readonly revisions: number;
}

export const fullScale: Scale = {
  quick: false,
  rounds: 5,
  sampleMs: 800,
  warmUpMs: 800,
  keys: 1_000_000,
  revisions: 1_000_000,
};
export const quickScale: Scale = {
  quick: true,
  rounds: 3,
  sampleMs: 120,
  warmUpMs: 150,
  keys: 20_000,
  revisions: 10_000,
};

/** What rows share: servers that are started when first needed, and the load generator. */
export class Lab {
  readonly scale: Scale;
  readonly generator = new Generator();
  readonly #running = new Map<ServerKind, Promise<ServerProcess>>();

  constructor(scale: Scale) {
    this.scale = scale;
  }

  /** The server of this kind that all rows share. */
  server(kind: ServerKind): Promise<ServerProcess> {
    let running = this.#running.get(kind);
    if (running === undefined) {
      running = this.#warmServer(kind);
      this.#running.set(kind, running);
    }
    return running;
  }

  /** One of the caller's own, not started; the caller closes it. */
  async freshServer(kind: ServerKind): Promise<ServerProcess> {
    const [port, peerPort] = (await freePorts(2)) as [number, number];
    return new ServerProcess(recipeOf(kind), [port, peerPort]);
  }

  /** Ours is compiled while it runs; the clock is for what it is like after the first seconds of its life. */
  async #warmServer(kind: ServerKind): Promise<ServerProcess> {
    const server = await this.freshServer(kind);
    await server.start();
    for (const call of ['get', 'txn', 'put'] as const) {
      await this.generator.run({
        type: 'calls',
        port: server.port,
        call,
        concurrency: 64,
        durationMs: this.scale.warmUpMs,
      });
    }
    return server;
  }

  async close(): Promise<void> {
    this.generator.close();
    await Promise.all([...this.#running.values()].map(async (running) => (await running).close()));
  }
}
