import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ready, spawnTied } from '../support/etcd/process.js';
import { Gateway } from './gateway.js';

/** What one member of the cluster is started with. */
export interface MemberSpec {
  readonly etcd: string;
  readonly name: string;
  /** Of its own; removed with the cluster's. */
  readonly folder: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** `name=url,…`: where the others find each member, through the proxies. */
  readonly initialCluster: string;
  readonly peerUrl: string;
}

/** One etcd process of a cluster. */
export class Member {
  readonly name: string;
  readonly clientPort: number;
  readonly gateway: Gateway;
  /** Hex; known once the cluster is up. */
  id = '';
  readonly #spec: MemberSpec;
  #child: ChildProcess | undefined;
  #paused = false;

  constructor(spec: MemberSpec) {
    this.#spec = spec;
    this.name = spec.name;
    this.clientPort = spec.clientPort;
    this.gateway = new Gateway(this.url);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#spec.clientPort}`;
  }

  get folder(): string {
    return this.#spec.folder;
  }

  get pid(): number | undefined {
    return this.running ? this.#child?.pid : undefined;
  }

  get running(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** With the data that it has; resolves when it serves clients, which needs a majority. */
  async start(): Promise<void> {
    if (this.running) return;
    mkdirSync(this.#spec.folder, { recursive: true });
    this.#child = spawnTied(this.#spec.etcd, this.#args());
    await ready(this.#child);
  }

  /** SIGKILL, waits until it is gone. */
  async kill(): Promise<void> {
    this.#paused = false;
    const child = this.#child;
    if (child === undefined || !this.running) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  pause(): void {
    this.#paused = true;
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#paused = false;
    this.#child?.kill('SIGCONT');
  }

  #args(): string[] {
    const { name, folder, clientPort, peerPort, peerUrl, initialCluster } = this.#spec;
    const data = join(folder, 'data');
    const client = `http://127.0.0.1:${clientPort}`;
    return [
      ...['--name', name, '--data-dir', data, '--initial-cluster', initialCluster],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', `http://127.0.0.1:${peerPort}`, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster-state', existsSync(data) ? 'existing' : 'new'],
    ];
  }
}
