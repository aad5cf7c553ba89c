import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { ready, spawnTied } from '../../support/etcd/process.js';
import { type Seat, type SeatNetwork, type Site, size } from './site.js';

const loopback = '127.0.0.1';

/** Members as plain processes on loopback. */
export function processSite(etcd: string): Site {
  const seats = Array.from({ length: size }, () => new ProcessSeat([etcd], loopback));
  return { hub: loopback, seats, close: async () => {} };
}

/** A member that is a child of this process. */
export class ProcessSeat implements Seat {
  readonly host: string;
  readonly network: SeatNetwork | undefined;
  readonly #command: readonly string[];
  #child: ChildProcess | undefined;

  /** @param command etcd, and what comes before it. It must become etcd and not start it: signals go to its pid. */
  constructor(command: readonly string[], host: string, network?: SeatNetwork) {
    this.#command = command;
    this.host = host;
    this.network = network;
  }

  get running(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  async pid(): Promise<number | undefined> {
    return this.running ? this.#child?.pid : undefined;
  }

  async start(args: readonly string[]): Promise<void> {
    const [file, ...before] = this.#command as [string];
    this.#child = spawnTied(file, [...before, ...args]);
    await ready(this.#child);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.running) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async pause(): Promise<void> {
    this.#child?.kill('SIGSTOP');
  }

  async resume(): Promise<void> {
    this.#child?.kill('SIGCONT');
  }
}
