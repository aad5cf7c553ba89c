import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { decodeHistory, type History } from '../../src/sim/history.js';
import { executable } from '../support/etcd/machine.js';
import { standsStill } from '../support/stands-still.js';
import { monotonicMs, until } from './clock.js';
import type { ClientConfig, Order, Report } from './messages.js';

/** A node process that the kernel kills with this one, and that can be spoken to. */
export function spawnNode(script: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  const setpriv = executable('setpriv', process.env.PATH);
  const node = [process.execPath, '--no-warnings', script, ...args];
  const [file, ...rest] = setpriv === undefined ? node : [setpriv, '--pdeathsig', 'KILL', ...node];
  return spawn(file as string, rest, { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
}

/** One client of the run, seen from the suite. */
export class ClientProcess {
  readonly config: ClientConfig;
  /** Which of the clients' proxies it uses. */
  readonly place: number;
  /** What it says that it holds. */
  holding: string | null = null;
  /** When it said so. */
  heardAtMs = 0;
  /** Things done so far. */
  progress = 0;
  readonly #child: ChildProcess;
  readonly #told = new Set<Report['type']>();
  #stderr = '';
  #paused = false;

  /** @param script The client as JavaScript. */
  constructor(script: string, place: number, config: ClientConfig, env?: NodeJS.ProcessEnv) {
    this.config = config;
    this.place = place;
    this.#child = spawnNode(script, [JSON.stringify(config)], env);
    this.#child.on('message', (report: Report) => this.#hear(report));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-4000);
    });
    // It may be killed while an order is under way.
    this.#child.on('error', () => {});
  }

  get name(): string {
    return this.config.process;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Its last words, for a report. */
  get stderr(): string {
    return this.#stderr.trim();
  }

  has(report: Report['type']): boolean {
    return this.#told.has(report);
  }

  order(order: Order): void {
    if (this.running && this.#child.connected) this.#child.send(order);
  }

  /** SIGSTOP; resolves when it stands still, so that what it wrote was written before. */
  async pause(): Promise<void> {
    this.#paused = true;
    this.#child.kill('SIGSTOP');
    await until(2000, () => !this.running || standsStill(this.#child.pid), 1);
  }

  resume(): void {
    this.#paused = false;
    this.#child.kill('SIGCONT');
  }

  /** SIGKILL, waits until it is gone. */
  async kill(): Promise<void> {
    if (!this.running) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  /** Whether it ends by itself in time. */
  async ends(boundMs: number): Promise<boolean> {
    return (await until(boundMs, () => !this.running)) ?? false;
  }

  /** How it ended, if not as it should. */
  get fault(): string | undefined {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === 0 || signalCode === 'SIGKILL') return undefined;
    return `${this.name} ended with ${exitCode ?? signalCode}: ${this.stderr}`;
  }

  history(): History {
    return existsSync(this.config.file) ? decodeHistory(readFileSync(this.config.file, 'utf8')) : [];
  }

  #hear(report: Report): void {
    this.#told.add(report.type);
    if (report.type !== 'progress') return;
    this.progress += 1;
    if (report.holding === undefined) return;
    this.holding = report.holding;
    this.heardAtMs = monotonicMs();
  }
}
