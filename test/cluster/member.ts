import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Gateway } from './gateway.js';
import type { Seat, SeatNetwork } from './sites/site.js';

/** What one member of the cluster is started with. */
export interface MemberSpec {
  readonly seat: Seat;
  readonly name: string;
  /** Of its own; removed with the cluster's. */
  readonly folder: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** `name=url,…`: where the others find each member, through the proxies. */
  readonly initialCluster: string;
  readonly peerUrl: string;
}

/** One etcd of a cluster. */
export class Member {
  readonly name: string;
  readonly clientPort: number;
  readonly gateway: Gateway;
  /** Hex; known once the cluster is up. */
  id = '';
  readonly #spec: MemberSpec;
  #paused = false;

  constructor(spec: MemberSpec) {
    this.#spec = spec;
    this.name = spec.name;
    this.clientPort = spec.clientPort;
    this.gateway = new Gateway(this.url);
  }

  get url(): string {
    return `http://${this.host}:${this.#spec.clientPort}`;
  }

  get host(): string {
    return this.#spec.seat.host;
  }

  /** Undefined: it has none of its own. */
  get network(): SeatNetwork | undefined {
    return this.#spec.seat.network;
  }

  get folder(): string {
    return this.#spec.folder;
  }

  get running(): boolean {
    return this.#spec.seat.running;
  }

  pid(): Promise<number | undefined> {
    return this.#spec.seat.pid();
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** With the data that it has; resolves when it serves clients, which needs a majority. */
  async start(): Promise<void> {
    if (this.running) return;
    const { seat, folder } = this.#spec;
    mkdirSync(folder, { recursive: true });
    await seat.start(this.#args(), folder);
  }

  /** SIGKILL, waits until it is gone. */
  async kill(): Promise<void> {
    this.#paused = false;
    await this.#spec.seat.kill();
  }

  async pause(): Promise<void> {
    this.#paused = true;
    await this.#spec.seat.pause();
  }

  async resume(): Promise<void> {
    this.#paused = false;
    await this.#spec.seat.resume();
  }

  #args(): string[] {
    const { name, folder, clientPort, peerPort, peerUrl, initialCluster } = this.#spec;
    const data = join(folder, 'data');
    const client = `http://${this.host}:${clientPort}`;
    return [
      ...['--name', name, '--data-dir', data, '--initial-cluster', initialCluster],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', `http://${this.host}:${peerPort}`, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster-state', existsSync(data) ? 'existing' : 'new'],
    ];
  }
}
