import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../support/etcd/free-ports.js';
import { fastTemp } from '../support/etcd/process.js';
import { until } from './clock.js';
import { Member } from './member.js';
import { PeerNetwork } from './peer-network.js';

const size = 3;
const readyBoundMs = 30_000;
/** A port that was free may be taken by somebody else before etcd binds it. */
const startAttempts = 3;

export interface ClusterOptions {
  readonly etcd: string;
  /** Called with a member's folder before it is first started, to mount something there; returns how to undo it. */
  readonly prepare?: ((folder: string, index: number) => Promise<(() => Promise<void>) | undefined>) | undefined;
}

/** Three real etcd processes on loopback, with proxies between them. */
export class Cluster implements AsyncDisposable {
  readonly members: readonly Member[];
  readonly peers: PeerNetwork;
  readonly #folder: string;
  readonly #cleanups: (() => Promise<void>)[] = [];

  static async start(options: ClusterOptions): Promise<Cluster> {
    for (let attempt = 1; ; attempt++) {
      const folder = mkdtempSync(join(fastTemp(), 'conclave-cluster-'));
      const peers = new PeerNetwork();
      const cluster = new Cluster(await membersOf(options, folder, peers), peers, folder);
      try {
        await cluster.#start(options);
        return cluster;
      } catch (error) {
        await cluster.close();
        if (attempt === startAttempts || !/address already in use/.test(String(error))) throw error;
      }
    }
  }

  private constructor(members: readonly Member[], peers: PeerNetwork, folder: string) {
    this.members = members;
    this.peers = peers;
    this.#folder = folder;
  }

  /** Who leads, by its own word and that of a majority; undefined: nobody, or not agreed. */
  async leader(): Promise<Member | undefined> {
    const answers = await Promise.allSettled(this.members.map(({ gateway }) => gateway.status()));
    const votes = answers.map((each) => (each.status === 'fulfilled' ? each.value.leaderId : undefined));
    return this.members.find(({ id }, i) => votes[i] === id && votes.filter((vote) => vote === id).length > size / 2);
  }

  /** Waits for a leader. @throws Error when none is found in time. */
  async needLeader(boundMs = readyBoundMs): Promise<Member> {
    const leader = await until(boundMs, () => this.leader(), 50);
    if (leader === undefined) throw new Error(`the cluster has had no leader for ${boundMs} ms`);
    return leader;
  }

  /** Everything runs and is connected again, and a write goes through. */
  async heal(): Promise<void> {
    this.peers.heal();
    for (const member of this.members) if (member.paused) member.resume();
    await Promise.all(this.members.map((member) => member.start()));
    await this.needLeader();
  }

  /** Kills every process by its own pid and removes all data. Idempotent. */
  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    await this.peers.close();
    for (const cleanup of this.#cleanups.splice(0)) await cleanup();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #start({ prepare }: ClusterOptions): Promise<void> {
    for (const [index, { folder }] of this.members.entries()) {
      const cleanup = await prepare?.(folder, index);
      if (cleanup !== undefined) this.#cleanups.push(cleanup);
    }
    await Promise.all(this.members.map((member) => member.start()));
    const statuses = await Promise.all(this.members.map(({ gateway }) => gateway.status()));
    this.members.forEach((member, i) => {
      member.id = statuses[i]?.memberId ?? '';
    });
    this.peers.learn((index) => this.members[index]?.id ?? '');
    await this.needLeader();
  }
}

async function membersOf({ etcd }: ClusterOptions, folder: string, peers: PeerNetwork): Promise<Member[]> {
  const ports = await freePorts(2 * size);
  const peerPorts = ports.slice(size);
  const peerUrls = (await peers.start(peerPorts)).map((port) => `http://127.0.0.1:${port}`);
  const initialCluster = peerUrls.map((url, i) => `m${i}=${url}`).join();
  return peerUrls.map(
    (peerUrl, i) =>
      new Member({
        etcd,
        name: `m${i}`,
        folder: join(folder, `m${i}`),
        clientPort: ports[i] as number,
        peerPort: peerPorts[i] as number,
        initialCluster,
        peerUrl,
      }),
  );
}
