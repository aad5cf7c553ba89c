import { Config } from '../../config/config.js';
import type { WatchedConfig } from '../../config/watched-config.js';
import { pause } from '../../core/abort.js';
import { utf8, utf8Text } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import type { StandardSchema } from '../../core/standard-schema.js';
import { inRange, type KeyRange, keyRange } from '../../engine/key-range.js';
import type { Revision } from '../../engine/key-record.js';
import { put } from '../../store/ops.js';
import { config, type ShownConfig } from '../checkers/config.js';
import { convergenceThroughLostDeletes } from '../checkers/convergence.js';
import { heldInTime } from '../checkers/held-in-time.js';
import { leaseNotEarly } from '../checkers/lease-not-early.js';
import { noHangingPromise } from '../checkers/no-hanging-promise.js';
import { nothingLeft } from '../checkers/nothing-left.js';
import type { Recorder } from '../history.js';
import { MemoryFiles } from '../memory-files.js';
import type { Json, Plan } from '../plan.js';
import type { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import type { SimServer } from '../sim-server.js';
import type { Stage, Workload } from '../workload.js';
import { expectFailure } from './expected-errors.js';

type ConfigOperation = { readonly idleMs: number } & (
  | { readonly how: 'pair'; readonly value: number }
  /** One more, by compare-and-set. */
  | { readonly how: 'add' }
  /** As etcdctl writes: what no schema takes. */
  | { readonly how: 'spoil' }
  /** Back to the first pair that is still to be had. */
  | { readonly how: 'roll-back' }
  /** Waits until well after the last fault, and writes a pair that is valid. */
  | { readonly how: 'mend'; readonly value: number }
  /** Looks until well after the last fault. */
  | { readonly how: 'watch'; readonly thinkMs: number | null; readonly report: boolean; readonly snapshot: boolean }
);

const prefix = 'config/app/';
const object = 'config/app';
const pair = { prefix: 'app/pair' } as const;

/** After the last fault: what is written then is what stays; and then a lost DELETE is found out. */
const mendedMs = 3_000;
const recoveredMs = 20_000;

/** Two keys that go together, a counter, values that are refused, and who watches all of it. */
export const configWorkload: Workload = {
  name: 'config',
  recordsKv: false,
  hasWatchers: true,
  keeps: (key) => key.startsWith('config/') || key.startsWith('config-history/'),
  checkers: [convergenceThroughLostDeletes, config, heldInTime, leaseNotEarly, noHangingPromise, nothingLeft],
  draw: (random, clients) => {
    let last = 0;
    const value = () => {
      last += 1;
      return last;
    };
    return Array.from({ length: clients }, (_, client) => {
      const turns = random.pick([2, 4, 8]);
      const script = Array.from({ length: turns }, () => drawTurn(random, value));
      const writes = [...script, { idleMs: 0, how: 'mend', value: value() }];
      return client < 2 || random.chance(0.3) ? [[drawWatch(random)], writes] : [writes];
    });
  },
  stage: (plan) => new ConfigStage(plan),
};

function drawTurn(random: Prng, value: () => number): ConfigOperation {
  const idleMs = Math.round(random.between(0, random.pick([5, 200, 2000])));
  const how = random.pick(['pair', 'pair', 'pair', 'add', 'add', 'spoil', 'roll-back'] as const);
  return how === 'pair' ? { idleMs, how, value: value() } : { idleMs, how };
}

function drawWatch(random: Prng): ConfigOperation {
  const thinkMs = random.chance(0.4) ? Math.round(random.between(0, random.pick([5, 300]))) : null;
  const idleMs = Math.round(random.between(0, random.pick([5, 1000])));
  return { idleMs, how: 'watch', thinkMs, report: random.chance(0.5), snapshot: random.chance(0.5) };
}

class ConfigStage implements Stage {
  readonly #plan: Plan;
  readonly #handles: WatchedConfig<ShownConfig>[] = [];
  readonly #range: KeyRange;
  /** A disk per client, which survives its crashes. */
  readonly #disks = new Map<string, MemoryFiles>();
  readonly #pairs: bigint[] = [];
  #begun = false;
  #present: string | undefined;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#range = keyRange(utf8(prefix), utf8('config/app0'));
  }

  changed({ truth, recorder }: SimServer, { revision, changes }: Revision): void {
    this.#begin(recorder);
    if (!changes.some(({ text }) => inRange(this.#range, text))) return;
    const { kvs } = truth.engine.space.scan(this.#range, undefined, 1000);
    const read = new Map(kvs.map(({ key, value }) => [utf8Text(key).slice(prefix.length), utf8Text(value)]));
    const [a, b, n] = ['pair/a', 'pair/b', 'n'].map((name) => Number(read.get(name) ?? 0)) as [number, number, number];
    // Counts whatever stands beside it.
    recorder.note('server', object, 'counter.total', { value: BigInt(n) });
    // Nobody is to be shown this.
    if (Number.isNaN(a) || Number.isNaN(b)) return;
    const value = JSON.stringify({ a, b, n });
    if (value === this.#present) return;
    this.#present = value;
    recorder.note('server', object, 'state', { revision, value });
  }

  #begin(recorder: Recorder): void {
    if (!this.#begun) recorder.note('server', object, 'state', { revision: 1n, value: '{"a":0,"b":0,"n":0}' });
    this.#begun = true;
  }

  async perform(client: SimClient, operation: Json): Promise<void> {
    const turn = operation as ConfigOperation;
    this.#begin(client.recorder);
    await pause(client.process, turn.idleMs);
    try {
      if (turn.how === 'watch') await this.#watch(client, turn);
      else await this.#write(client, turn);
    } catch (error) {
      if (!ConclaveError.is(error, 'COMPACTED', 'FUTURE_REVISION')) expectFailure(error);
    }
  }

  async end(): Promise<void> {
    for (const each of this.#handles) void each.close();
  }

  async #write(client: SimClient, turn: Exclude<ConfigOperation, { how: 'watch' }>): Promise<void> {
    const config = this.#config(client);
    switch (turn.how) {
      case 'pair':
        this.#pairs.push((await config.setAll({ a: turn.value, b: turn.value }, pair)).revision);
        return;
      case 'add':
        return this.#add(client, config);
      case 'spoil':
        await client.store.txn({ success: [put(`${prefix}pair/a`, '"spoilt"')] });
        return;
      case 'roll-back': {
        const [toRevision] = this.#pairs;
        if (toRevision !== undefined) await config.rollback(pair, { toRevision });
        return;
      }
      case 'mend':
        await this.#until(client, mendedMs);
        await config.setAll({ a: turn.value, b: turn.value }, { ...pair, timeoutMs: 15_000 });
    }
  }

  async #add({ recorder, name }: SimClient, config: Config): Promise<void> {
    const found = await config.get('app/n');
    const add = () =>
      config.compareAndSet('app/n', Number(found?.value ?? 0) + 1, { expectRevision: found?.revision ?? 0n });
    const pending = recorder.invoke(name, object, 'config.add', null);
    try {
      const { revision } = await add();
      pending.ok({ revision });
    } catch (error) {
      // A timeout of ours says nothing of what the store has done.
      if (ConclaveError.is(error, 'CONFLICT')) pending.fail(error);
      else pending.unknown(error);
      throw error;
    }
  }

  async #watch(client: SimClient, turn: Extract<ConfigOperation, { how: 'watch' }>): Promise<void> {
    const { thinkMs, report, snapshot } = turn;
    const observer = `${client.name}-${this.#handles.length}`;
    const handle = await this.#config(client).watch<ShownConfig>({
      prefix: 'app',
      schema: schemaOf(client, thinkMs),
      report,
      ...(snapshot && { snapshotFile: 'snapshot' }),
    });
    this.#handles.push(handle);
    const look = (revision: bigint, value: ShownConfig) => {
      client.recorder.note(client.name, object, 'view', { observer, revision, value: JSON.stringify(value) });
    };
    if (handle.revision > 0n) look(handle.revision, handle.value);
    handle.events.on('change', ({ revision, current }) => look(revision, current));
    await this.#until(client, recoveredMs);
  }

  #config(client: SimClient): Config {
    const machine = client.name.replace(/#.*$/, '');
    const files = this.#disks.get(machine) ?? new MemoryFiles();
    this.#disks.set(machine, files);
    return new Config(client.context, files);
  }

  #until({ process, world }: SimClient, afterHealMs: number): Promise<void> {
    return pause(process, Math.max(0, this.#plan.healAtMs + afterHealMs - world.nowMs));
  }
}

/** Takes numbers; whether two of them go together is the checker's to say. */
function schemaOf({ process }: SimClient, thinkMs: number | null): StandardSchema<ShownConfig> {
  const judge = (given: unknown) => {
    const { pair: both = {}, n = 0 } = given as { pair?: { a?: unknown; b?: unknown }; n?: number };
    const { a = 0, b = 0 } = both;
    const good = typeof a === 'number' && typeof b === 'number';
    return good ? { value: { a, b, n } } : { issues: [{ message: 'no numbers', path: ['pair'] }] };
  };
  let asked = 0;
  const validate = (value: unknown) => {
    if (thinkMs === null) return judge(value);
    // Now slowly, now quickly: what is judged first need not be ready first.
    asked += 1;
    return pause(process, thinkMs / (1 + (asked % 3))).then(() => judge(value));
  };
  return { '~standard': { version: 1, vendor: 'sim', validate } };
}
