import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../support/etcd/free-ports.js';
import { fastTemp } from '../support/etcd/process.js';
import { until } from './clock.js';
import { healNetwork } from './faults/packets.js';
import { Member } from './member.js';
import { PeerNetwork } from './peer-network.js';
import { processSite } from './sites/processes.js';
import { type Site, size } from './sites/site.js';

const readyBoundMs = 30_000;
/** A port that was free may be taken by somebody else before etcd binds it. */
const startAttempts = 3;

export interface ClusterOptions {
  readonly etcd: string;
  /** Where members run. Default: as processes on loopback. */
  readonly site?: ((etcd: string) => Promise<Site>) | undefined;
  /** Called with a member's folder before it is first started, to mount something there; returns how to undo it. */
  readonly prepare?: ((folder: string, index: number) => Promise<(() => Promise<void>) | undefined>) | undefined;
}

/** Three real etcds with proxies between them. */
export class Cluster implements AsyncDisposable {
  readonly members: readonly Member[];
  readonly peers: PeerNetwork;
  readonly #folder: string;
  readonly #cleanups: (() => Promise<void>)[];

  static async start(options: ClusterOptions): Promise<Cluster> {
    for (let attempt = 1; ; attempt++) {
      const folder = mkdtempSync(join(fastTemp(), 'conclave-cluster-'));
      const site = (await options.site?.(options.etcd)) ?? processSite(options.etcd);
      const peers = new PeerNetwork();
      const cluster = new Cluster(await membersOf(site, folder, peers), peers, site, folder);
      try {
        await cluster.#start(options);
        return cluster;
      } catch (error) {
        await cluster.close();
        if (attempt === startAttempts || !/address already in use/.test(String(error))) throw error;
      }
    }
  }

  private constructor(members: readonly Member[], peers: PeerNetwork, site: Site, folder: string) {
    this.#cleanups = [() => site.close()];
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
    for (const member of this.members) {
      if (member.network !== undefined) await healNetwork(member.network);
      if (member.paused) await member.resume();
    }
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

async function membersOf({ seats, hub }: Site, folder: string, peers: PeerNetwork): Promise<Member[]> {
  const ports = await freePorts(2 * size);
  const places = seats.map(({ host }, i) => ({ host, port: ports[size + i] as number }));
  const peerUrls = (await peers.start(places, hub)).map((port) => `http://${hub}:${port}`);
  const initialCluster = peerUrls.map((url, i) => `m${i}=${url}`).join();
  return seats.map(
    (seat, i) =>
      new Member({
        seat,
        name: `m${i}`,
        folder: join(folder, `m${i}`),
        clientPort: ports[i] as number,
        peerPort: ports[size + i] as number,
        initialCluster,
        peerUrl: peerUrls[i] as string,
      }),
  );
}
