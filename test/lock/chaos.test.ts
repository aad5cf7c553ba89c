import { describe, expect, it } from 'vitest';
import { utf8Text } from '../../src/core/bytes.js';
import type { Held } from '../../src/line/held.js';
import { Prng } from '../../src/sim/prng.js';
import { disturb, repair } from '../support/disturb.js';
import { type Client, SimWorld } from '../support/sim-world.js';

/** More with `CONCLAVE_CHAOS_SEEDS=5000 npx vitest run test/lock/chaos.test.ts`. */
const seeds = Number(process.env.CONCLAVE_CHAOS_SEEDS ?? 60);
const firstSeed = Number(process.env.CONCLAVE_CHAOS_FROM ?? 1);

const ttlMs = 5_000;

/** One simulated life: workers take turns on two locks while everything fails, then everything is repaired. */
class Chaos {
  readonly world: SimWorld;
  readonly clients: Client[];
  readonly random: Prng;
  readonly held = new Set<Held>();
  readonly violations: string[] = [];
  turns = 0;
  #stopped = false;

  constructor(seed: number) {
    this.world = new SimWorld(seed);
    this.random = new Prng(seed).fork();
    this.clients = Array.from({ length: 3 }, () => this.world.client({ ttlMs }));
  }

  async run(): Promise<void> {
    const workers = this.clients.flatMap((client) => [this.#work(client, 'x'), this.#work(client, 'y')]);
    for (let step = 0; step < 40; step++) {
      const client = this.random.pick(this.clients);
      if (this.random.chance(0.5)) disturb(client, this.random);
      else repair(client);
      if (this.random.chance(0.05)) await this.#revokeOne();
      for (let slice = 0; slice < 4; slice++) {
        await this.world.advance(this.random.between(1, 700));
        this.#check();
      }
    }
    this.#stopped = true;
    for (const client of this.clients) repair(client);
    await this.world.until(Promise.all(workers));
    // Ten TTLs: what was applied late is gone by then.
    await this.world.advance(10 * ttlMs + 20_000);
    const left = (await this.world.keys()).map(({ key }) => utf8Text(key));
    if (left.length > 0) this.violations.push(`left behind: ${left.join(' ')}`);
    await this.world.end();
  }

  async #work({ conclave }: Client, name: string): Promise<void> {
    // Bounded by the chaos around it.
    while (!this.#stopped) {
      try {
        const held = await this.#acquire(conclave, name);
        if (held !== null) await this.#hold(held);
      } catch {
        // Every failure is allowed while everything fails; what it may not do is checked from outside.
      }
      await this.#pause(this.random.between(10, 500));
    }
  }

  #acquire(conclave: Client['conclave'], name: string): Promise<Held | null> {
    const timeoutMs = this.random.chance(0.4) ? this.random.between(10, 4_000) : undefined;
    return this.random.chance(0.2) ? conclave.tryLock(name, { timeoutMs }) : conclave.lock(name, { timeoutMs });
  }

  async #hold(held: Held): Promise<void> {
    this.turns += 1;
    this.held.add(held);
    this.#check();
    await this.#pause(this.random.between(0, 3_000));
    this.held.delete(held);
    await held[Symbol.asyncDispose]();
  }

  /** No two say at one moment that they hold one name; and who says so has its key there, on a lease that lives. */
  #check(): void {
    const holding = [...this.held].filter(({ held }) => held);
    for (const name of new Set(holding.map((each) => each.name))) {
      const same = holding.filter((each) => each.name === name);
      if (same.length > 1) this.violations.push(`${same.length} hold ${name} at ${this.world.sim.nowMs} ms`);
    }
  }

  async #revokeOne(): Promise<void> {
    const { leases } = await this.world.truth.leaseLeases();
    if (leases.length === 0) return;
    const { id } = this.random.pick(leases);
    // A server that ends a live lease early breaks its own rule: nobody who relied on it counts as a holder.
    for (const held of this.held) if (held.leaseId === id) this.held.delete(held);
    await this.world.truth.leaseRevoke({ id });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.world.sim.setTimer(ms, resolve);
    });
  }
}

describe('locks while everything fails', () => {
  const range = Array.from({ length: seeds }, (_, i) => firstSeed + i);

  it(`LOCK-1, LOCK-5, LOCK-10, LINE-6: have one holder, and leave nothing, in ${seeds} seeds`, async () => {
    let turns = 0;
    for (const seed of range) {
      const chaos = new Chaos(seed);
      await chaos.run().catch((error: unknown) => {
        throw new Error(`seed ${seed}`, { cause: error });
      });
      expect({ seed, violations: chaos.violations }).toEqual({ seed, violations: [] });
      turns += chaos.turns;
    }
    expect(turns).toBeGreaterThan(seeds * 5);
  }, 600_000);
});
