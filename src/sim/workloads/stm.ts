import { pause } from '../../core/abort.js';
import { latin1, prefixEnd, utf8, utf8Text } from '../../core/bytes.js';
import { keyRange } from '../../engine/key-range.js';
import type { Revision } from '../../engine/key-record.js';
import { Stm } from '../../stm/stm.js';
import type { Tx } from '../../stm/tx.js';
import { noHangingPromise } from '../checkers/no-hanging-promise.js';
import { nothingLeft } from '../checkers/nothing-left.js';
import { stm as stmChecker } from '../checkers/stm.js';
import type { Json } from '../plan.js';
import type { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import type { SimServer } from '../sim-server.js';
import type { Stage, Workload } from '../workload.js';
import { told, untilGivesUp } from './expected-errors.js';

/** One transaction. */
type StmOperation = {
  readonly idleMs: number;
  readonly id: string;
  /** Each by itself, all keys at once, or the first two: then others can take away of them and write elsewhere. */
  readonly reads: readonly string[] | 'range' | 'half';
  readonly appends: readonly string[];
  readonly clears: readonly string[];
  readonly workMs: number;
  readonly giveUpMs: number | null;
};

const prefix = 'data/';
const names = ['a', 'b', 'c', 'd'] as const;
const rangeOf = {
  range: { what: { prefix }, names },
  half: { what: { key: `${prefix}a`, rangeEnd: `${prefix}c` }, names: ['a', 'b'] },
} as const;
const range = keyRange(utf8(prefix), prefixEnd(utf8(prefix)));

/** Transactions that read, append to and clear a few keys, told apart by what each appends. */
export const stmWorkload: Workload = {
  name: 'stm',
  recordsKv: false,
  hasWatchers: false,
  keeps: (key) => key.startsWith(prefix),
  checkers: [stmChecker, noHangingPromise, nothingLeft],
  draw: (random, clients) =>
    Array.from({ length: clients }, (_, client) =>
      Array.from({ length: random.pick([1, 2]) }, (__, task) =>
        Array.from({ length: random.pick([2, 3, 5]) }, (___, turn) =>
          drawOperation(random, `${client}.${task}.${turn}`),
        ),
      ),
    ),
  stage: () => new StmStage(),
};

function drawOperation(random: Prng, id: string): StmOperation {
  const some = (chance: number) => names.filter(() => random.chance(chance));
  const appends = random.chance(0.75) ? some(0.4) : [];
  return {
    idleMs: Math.round(random.between(0, random.pick([2, 50, 1000]))),
    id,
    reads: random.pick(['range', 'half', some(0.5)]),
    appends,
    clears: appends.length === 0 ? [] : some(0.3).filter((name) => !appends.includes(name)),
    workMs: random.pick([0, 0, 5, 100]),
    giveUpMs: random.pick([null, null, 100, 3000]),
  };
}

class StmStage implements Stage {
  readonly #stms = new Map<SimClient, Stm>();

  changed(server: SimServer, { revision, changes }: Revision): void {
    const changed = changes.map(({ text }) => text).filter((key) => key.startsWith(prefix));
    if (changed.length === 0) return;
    const { kvs } = server.truth.engine.space.scan(range, undefined, names.length);
    const values = Object.fromEntries(kvs.map(({ key, value }) => [latin1(key), utf8Text(value)]));
    server.recorder.note('server', 'stm', 'stm.state', { revision, values, changed });
  }

  async perform(client: SimClient, operation: Json): Promise<void> {
    const turn = operation as StmOperation;
    await pause(client.process, turn.idleMs);
    const keys = (each: readonly string[]) => each.map((name) => prefix + name);
    // What is appended to is read, too.
    const named = typeof turn.reads === 'string' ? rangeOf[turn.reads].names : turn.reads;
    const reads = keys([...new Set([...named, ...turn.appends])]);
    const input = { id: turn.id, reads, appends: keys(turn.appends), clears: keys(turn.clears) };
    const pending = client.recorder.invoke(client.name, 'stm', 'stm.run', input);
    await told(pending, async () => ({
      seen: await untilGivesUp(client.process, turn.giveUpMs, (signal) =>
        this.#stmOf(client).run((tx) => work(client, tx, turn), { signal }),
      ),
    }));
  }

  #stmOf(client: SimClient): Stm {
    const stm = this.#stms.get(client) ?? new Stm(client.context);
    this.#stms.set(client, stm);
    return stm;
  }
}

async function work(client: SimClient, tx: Tx, turn: StmOperation): Promise<Record<string, string>> {
  const seen: Record<string, string> = {};
  if (typeof turn.reads === 'string') {
    const { what } = rangeOf[turn.reads];
    for (const { key, value } of await tx.range(what)) seen[latin1(key)] = utf8Text(value);
  } else {
    for (const name of turn.reads) seen[prefix + name] = await textOf(tx, prefix + name);
  }
  await pause(client.process, turn.workMs, tx.signal);
  for (const name of turn.appends) {
    const before = seen[prefix + name] ?? (await textOf(tx, prefix + name));
    seen[prefix + name] = before;
    tx.put(prefix + name, `${before} ${turn.id}`.trim());
  }
  for (const name of turn.clears) tx.delete(prefix + name);
  return seen;
}

async function textOf(tx: Tx, key: string): Promise<string> {
  const kv = await tx.get(key);
  return kv === null ? '' : utf8Text(kv.value);
}
