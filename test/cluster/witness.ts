import { monotonicMs, sleep, until } from './clock.js';
import type { Cluster } from './cluster.js';
import type { GatewayEvent } from './gateway.js';

export interface Witnessed extends GatewayEvent {
  /** When it was seen: a little after it happened. */
  readonly atMs: number;
}

const lagMs = 1000;
const lookEveryMs = 300;

/** Sees every change of the store from its first revision on, over whichever member answers. */
export class Witness {
  readonly events: Witnessed[] = [];
  readonly #cluster: Cluster;
  #revision = 1n;
  #stopped = false;
  #turn = 0;
  #stream = new AbortController();
  #following: Promise<void> = Promise.resolve();
  #problem: Error | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Everything up to here was seen, so it may be compacted. */
  get revision(): bigint {
    return this.#revision;
  }

  /** Why something was missed: then the run cannot be judged by it. */
  get problem(): Error | undefined {
    return this.#problem;
  }

  start(): void {
    this.#following = Promise.all([this.#follow(), this.#leaveSilentMembers()]).then(() => {});
  }

  /** Whether everything up to `revision` was seen in time. */
  async reaches(revision: bigint, boundMs: number): Promise<boolean> {
    return (await until(boundMs, () => this.#revision >= revision)) ?? false;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stream.abort();
    await this.#following;
  }

  async #follow(): Promise<void> {
    // Bounded by `stop()`.
    while (!this.#stopped && this.#problem === undefined) {
      const { members } = this.#cluster;
      const member = members[this.#turn % members.length];
      this.#stream = new AbortController();
      try {
        await member?.gateway.watch(this.#revision + 1n, (events) => this.#see(events), this.#stream.signal);
      } catch (error) {
        if (/compacted/.test(String(error))) this.#problem = error as Error;
      }
      this.#turn += 1;
      if (!this.#stopped) await sleep(50);
    }
  }

  #see(events: readonly GatewayEvent[]): void {
    const atMs = monotonicMs();
    // A stream that was left for its silence may still speak.
    const news = events.filter(({ mod }) => mod > this.#revision);
    this.events.push(...news.map((event) => ({ ...event, atMs })));
    this.#revision = news.at(-1)?.mod ?? this.#revision;
  }

  /** A member that is paused or cut off ends no stream: it is left when others know of more. */
  async #leaveSilentMembers(): Promise<void> {
    let behindSince: number | undefined;
    let seen = 0n;
    // Bounded by `stop()`.
    while (!this.#stopped) {
      await sleep(lookEveryMs);
      const answers = await Promise.allSettled(this.#cluster.members.map(({ gateway }) => gateway.status(500)));
      const revisions = answers.map((each) => (each.status === 'fulfilled' ? each.value.revision : 0n));
      const behind = revisions.some((revision) => revision > this.#revision);
      if (!behind || this.#revision > seen) behindSince = undefined;
      else behindSince ??= monotonicMs();
      seen = this.#revision;
      if (behindSince === undefined || monotonicMs() - behindSince < lagMs) continue;
      behindSince = undefined;
      this.#stream.abort();
    }
  }
}
