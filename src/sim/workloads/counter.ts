import { pause } from '../../core/abort.js';
import { cellOf } from '../../counter/cell-value.js';
import { Cells } from '../../counter/cells.js';
import { Counter } from '../../counter/counter.js';
import { RateLimiter } from '../../counter/rate-limiter.js';
import { Sequence } from '../../counter/sequence.js';
import type { Revision } from '../../engine/key-record.js';
import { counter as counterChecker } from '../checkers/counter.js';
import { noHangingPromise } from '../checkers/no-hanging-promise.js';
import { nothingLeft } from '../checkers/nothing-left.js';
import type { Json } from '../plan.js';
import type { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import type { SimServer } from '../sim-server.js';
import type { Stage, Workload } from '../workload.js';
import { told } from './expected-errors.js';

type CounterOperation = {
  readonly idleMs: number;
} /** Adds these powers of two, all at once or one after the other. */ & (
  | { readonly how: 'add'; readonly bits: readonly number[]; readonly together: boolean }
  | { readonly how: 'next'; readonly block: number; readonly calls: number }
  | { readonly how: 'limit'; readonly calls: number; readonly everyMs: number }
);

/** Additions in a run: as many powers of two as 64 bits hold. */
const bitsMax = 60;
const rate = { limit: 1, perMs: 1_000, burst: 2 };

/** A counter, a sequence and a rate limiter that all clients share. */
export const counterWorkload: Workload = {
  name: 'counter',
  recordsKv: false,
  hasWatchers: false,
  // Numbers are data.
  keeps: (key) => /^(counters\/c\/value|sequences\/s\/last|limits\/l\/arrival)$/.test(key),
  checkers: [counterChecker, noHangingPromise, nothingLeft],
  draw: (random, clients) => {
    let bit = 0;
    const bits = (count: number) => Array.from({ length: Math.min(count, bitsMax - bit) }, () => bit++);
    const scripts = Array.from({ length: clients }, () =>
      Array.from({ length: random.pick([1, 2]) }, () =>
        Array.from({ length: random.pick([2, 3, 4]) }, () => drawOperation(random, bits)),
      ),
    );
    // Who comes back when others have written much. Last, so that a seed has the rest as it had before there was this.
    return scripts.map(([first = [], ...tasks]) => {
      const late = { how: 'add', idleMs: 20_000, bits: bits(1), together: false } as const;
      return [[...first, ...(random.chance(0.5) ? [late] : [])], ...tasks];
    });
  },
  stage: () => new CounterStage(),
};

function drawOperation(random: Prng, bits: (count: number) => number[]): CounterOperation {
  const idleMs = Math.round(random.between(0, random.pick([2, 50, 1000])));
  const how = random.pick(['add', 'add', 'add', 'next', 'limit'] as const);
  switch (how) {
    case 'add':
      return { how, idleMs, bits: bits(random.pick([1, 2, 3])), together: random.chance(0.5) };
    case 'next':
      return { how, idleMs, block: random.pick([1, 3]), calls: random.pick([1, 4]) };
    case 'limit':
      return { how, idleMs, calls: random.pick([2, 6]), everyMs: random.pick([0, 100, 700]) };
  }
}

class CounterStage implements Stage {
  readonly #cells = new Map<SimClient, Cells>();
  #server: SimServer | undefined;

  changed(server: SimServer, _revision: Revision): void {
    this.#server = server;
  }

  async end(): Promise<void> {
    const kv = this.#server?.truth.engine.space.get('counters/c/value');
    if (kv === undefined) return;
    const { value } = cellOf({ ...emptyKv, value: kv.value });
    this.#server?.recorder.note('server', 'counter/c', 'counter.total', { value });
  }

  async perform(client: SimClient, operation: Json): Promise<void> {
    const turn = operation as CounterOperation;
    await pause(client.process, turn.idleMs);
    switch (turn.how) {
      case 'add': {
        const adds = turn.bits.map((bit) => () => this.#add(client, 2n ** BigInt(bit)));
        if (turn.together) await Promise.all(adds.map((add) => add()));
        else for (const add of adds) await add();
        return;
      }
      case 'next': {
        const sequence = new Sequence(this.#cellsOf(client), 's', { block: turn.block });
        for (let i = 0; i < turn.calls; i++) {
          const pending = client.recorder.invoke(client.name, 'sequence/s', 'sequence.next', null);
          await told(pending, async () => ({ id: await sequence.next() }));
        }
        return;
      }
      case 'limit': {
        const limiter = new RateLimiter(this.#cellsOf(client), 'l', rate);
        for (let i = 0; i < turn.calls; i++) {
          const input = { burst: rate.burst, intervalMs: rate.perMs / rate.limit };
          const pending = client.recorder.invoke(client.name, 'limit/l', 'limit.take', input);
          await told(pending, async () => ({ allowed: (await limiter.take()).allowed }));
          await pause(client.process, turn.everyMs);
        }
      }
    }
  }

  async #add(client: SimClient, delta: bigint): Promise<void> {
    const pending = client.recorder.invoke(client.name, 'counter/c', 'counter.add', { delta });
    const counter = new Counter(this.#cellsOf(client), 'c');
    await told(pending, async () => ({ value: await counter.add(delta) }));
  }

  #cellsOf(client: SimClient): Cells {
    const cells = this.#cells.get(client) ?? new Cells(client.context);
    this.#cells.set(client, cells);
    return cells;
  }
}

const emptyKv = { key: new Uint8Array(), createRevision: 0n, modRevision: 0n, version: 0n, lease: 0n };
