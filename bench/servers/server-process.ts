import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { kvMethods } from '../../src/wire/methods.js';
import { H2Client } from '../load/h2-client.js';
import { spawnTied } from './spawn-tied.js';

/** How to start a server that has this data directory and this port. */
export interface ServerRecipe {
  readonly name: string;
  readonly file: string;
  args(dataDir: string, port: number, peerPort: number): readonly string[];
  /** The folder that data directories are made in. */
  readonly diskFolder: string;
}

const startTimeoutMs = 120_000;

/** A server under measurement: a process of its own, with a fresh directory. */
export class ServerProcess {
  readonly name: string;
  readonly port: number;
  readonly dataDir: string;
  readonly #recipe: ServerRecipe;
  readonly #peerPort: number;
  #child: ChildProcess | undefined;

  constructor(recipe: ServerRecipe, [port, peerPort]: readonly [number, number]) {
    this.name = recipe.name;
    this.port = port;
    this.#recipe = recipe;
    this.#peerPort = peerPort;
    mkdirSync(recipe.diskFolder, { recursive: true });
    this.dataDir = mkdtempSync(join(recipe.diskFolder, 'server-'));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${this.name} does not run`);
    return this.#child.pid;
  }

  /** Starts the process; resolves with the milliseconds until it has answered a read. */
  async start(): Promise<number> {
    const logFile = join(this.dataDir, 'server.log');
    const log = openSync(logFile, 'a');
    const startedAtMs = performance.now();
    const { file, args } = this.#recipe;
    const child = spawnTied(file, args(join(this.dataDir, 'data'), this.port, this.#peerPort), log);
    closeSync(log);
    this.#child = child;
    const failed = once(child, 'exit').then(() => {
      throw new Error(`${this.name} ended: ${readFileSync(logFile, 'utf8').slice(-2_000)}`);
    });
    await Promise.race([this.#answer(startedAtMs + startTimeoutMs), failed]);
    failed.catch(() => {});
    return performance.now() - startedAtMs;
  }

  /** Ends the process in order, as an operator would; the data stays. */
  async end(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  }

  async close(): Promise<void> {
    await this.end();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  async #answer(untilMs: number): Promise<void> {
    const read = kvMethods.range.request.encode({ key: Buffer.from('bench/none') });
    // Bounded by the clock.
    while (performance.now() < untilMs) {
      try {
        const client = await H2Client.connect(this.port);
        try {
          await client.unary(kvMethods.range.path, read);
          return;
        } finally {
          client.close();
        }
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
    throw new Error(`${this.name} did not answer within ${startTimeoutMs} ms`);
  }
}
