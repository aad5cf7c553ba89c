import { describe, expect, it } from 'vitest';
import type { Leader } from '../../src/election/leader.js';
import type { Leadership } from '../../src/election/leadership.js';
import { Prng } from '../../src/sim/prng.js';
import { disturb, repair } from '../support/disturb.js';
import { type Client, SimWorld } from '../support/sim-world.js';

/** More with `CONCLAVE_CHAOS_SEEDS=5000 npx vitest run test/election/chaos.test.ts`. */
const seeds = Number(process.env.CONCLAVE_CHAOS_SEEDS ?? 30);
const firstSeed = Number(process.env.CONCLAVE_CHAOS_FROM ?? 1);

const ttlMs = 5_000;

/** One simulated life: three candidates and an observer while everything fails, then everything is repaired. */
class Chaos {
  readonly world: SimWorld;
  readonly candidates: Client[];
  readonly observer: Client;
  readonly random: Prng;
  readonly leading = new Set<Leadership>();
  readonly observed: (Leader | null)[] = [];
  readonly violations: string[] = [];
  readonly stop = new AbortController();
  terms = 0;

  constructor(seed: number) {
    this.world = new SimWorld(seed);
    this.random = new Prng(seed).fork();
    this.candidates = Array.from({ length: 3 }, () => this.world.client({ ttlMs }));
    this.observer = this.world.client({ ttlMs });
  }

  async run(): Promise<void> {
    const running = Promise.allSettled(this.candidates.map((client, i) => this.#stand(client, `${i}`)));
    const watching = new AbortController();
    const observing = this.#observe(watching.signal);
    for (let step = 0; step < 40; step++) {
      const client = this.random.pick([...this.candidates, this.observer]);
      if (this.random.chance(0.5)) disturb(client, this.random);
      else repair(client);
      for (let slice = 0; slice < 4; slice++) {
        await this.world.advance(this.random.between(1, 700));
        this.#check();
      }
    }
    for (const client of [...this.candidates, this.observer]) repair(client);
    this.stop.abort('enough');
    const ended = await this.world.until(running);
    if (ended.some((each) => each.status === 'fulfilled' || each.reason !== 'enough')) {
      this.violations.push(`run() ended with ${ended.map((each) => JSON.stringify(each)).join(', ')}`);
    }
    await this.world.advance(10 * ttlMs + 20_000);
    this.#checkObserved();
    watching.abort('enough');
    await this.world.until(observing.catch(() => {}));
    if ((await this.world.keys()).length > 0) this.violations.push('left behind');
    await this.world.end();
  }

  /** Whatever else ends a `run()` is a violation; it is started once and must come through everything. */
  #stand({ conclave }: Client, value: string): Promise<never> {
    const work = async (leadership: Leadership) => {
      this.terms += 1;
      this.leading.add(leadership);
      this.#check();
      for (let i = 0; i < 3 && !leadership.signal.aborted; i++) {
        await this.#pause(this.random.between(0, 1_500));
        await leadership.proclaim(`${value}.${i}`);
      }
      this.leading.delete(leadership);
    };
    // What is thrown while it leads comes out: here only a proclamation can throw, and only after a loss.
    return conclave.election('e').run(value, work, { signal: this.stop.signal });
  }

  async #observe(signal: AbortSignal): Promise<void> {
    for await (const leader of this.observer.conclave.election('e').observe({ signal })) this.observed.push(leader);
  }

  #check(): void {
    const holding = [...this.leading].filter(({ held }) => held);
    if (holding.length > 1) this.violations.push(`${holding.length} lead at ${this.world.sim.nowMs} ms`);
  }

  /** Terms never go back, values of one term neither; at the end nobody leads. */
  #checkObserved(): void {
    let last: Leader | undefined;
    for (const leader of this.observed) {
      if (leader === null) continue;
      const older = last !== undefined && (leader.term < last.term || this.#before(leader, last));
      if (older) this.violations.push(`${leader.term} ${leader.value} after ${last?.term} ${last?.value}`);
      last = leader;
    }
    if (this.observed.at(-1) !== null) this.violations.push('the last state was not observed');
  }

  #before(a: Leader, b: Leader): boolean {
    const round = (value: string) => Number(value.split('.')[1] ?? -1);
    return a.term === b.term && round(a.value) < round(b.value);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.world.sim.setTimer(ms, resolve);
    });
  }
}

describe('elections while everything fails', () => {
  const range = Array.from({ length: seeds }, (_, i) => firstSeed + i);

  it(`ELECTION-1, ELECTION-5, ELECTION-8, ELECTION-10: keep their promises in ${seeds} seeds`, async () => {
    let terms = 0;
    for (const seed of range) {
      const chaos = new Chaos(seed);
      await chaos.run().catch((error: unknown) => {
        throw new Error(`seed ${seed}`, { cause: error });
      });
      expect({ seed, violations: chaos.violations }).toEqual({ seed, violations: [] });
      terms += chaos.terms;
    }
    expect(terms).toBeGreaterThan(seeds * 5);
  }, 600_000);
});
