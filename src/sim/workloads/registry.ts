import { pause } from '../../core/abort.js';
import { utf8, utf8Text } from '../../core/bytes.js';
import { inRange, type KeyRange, keyRange } from '../../engine/key-range.js';
import type { Revision } from '../../engine/key-record.js';
import { goNaming } from '../../registry/codecs/go-naming.js';
import type { Discovery } from '../../registry/discovery.js';
import type { Entry } from '../../registry/instance.js';
import type { Registration } from '../../registry/registration.js';
import { Registry } from '../../registry/registry.js';
import { convergenceThroughLostDeletes } from '../checkers/convergence.js';
import { convergenceInTime } from '../checkers/convergence-time.js';
import { deadEntries } from '../checkers/dead-entries.js';
import { heldInTime } from '../checkers/held-in-time.js';
import { leaseNotEarly } from '../checkers/lease-not-early.js';
import { noHangingPromise } from '../checkers/no-hanging-promise.js';
import { nothingLeft } from '../checkers/nothing-left.js';
import { registrations } from '../checkers/registrations.js';
import type { Recorder } from '../history.js';
import { MemoryFiles } from '../memory-files.js';
import type { Json, Plan } from '../plan.js';
import type { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import type { SimServer } from '../sim-server.js';
import type { Stage, Workload } from '../workload.js';
import { expectFailure, untilGivesUp } from './expected-errors.js';

type RegistryOperation =
  | {
      /** `visit`: comes and goes. `stay`: is there until well after the last fault, and must be. */
      readonly how: 'visit' | 'stay';
      readonly id: string;
      readonly takeOver: boolean;
      readonly idleMs: number;
      readonly stayMs: number;
      readonly updates: number;
      readonly drainMs: number;
      readonly abortAfterMs: number | null;
    }
  /** An operator switches an instance off or on. */
  | { readonly how: 'switch'; readonly id: string; readonly idleMs: number; readonly enabled: boolean }
  /** Looks at the service until well after the last fault. */
  | { readonly how: 'discover' };

type Visit = Extract<RegistryOperation, { how: 'visit' | 'stay' }> & {
  /** Registers another one with it, on the same lease: both go in one revision when that ends. */
  readonly pair: boolean;
};

const pairShare = 0.15;

const service = 'users';
const object = 'registry/users';

/** After the last fault: a lost DELETE is found out, whoever waits between two tries has tried again. */
const recoveredMs = 20_000;

/** Instances come, change and go, two claim one id, operators switch them off; others look on. */
export const registryWorkload: Workload = {
  name: 'registry',
  recordsKv: false,
  hasWatchers: true,
  keeps: () => false,
  checkers: [
    convergenceThroughLostDeletes,
    convergenceInTime,
    deadEntries,
    registrations,
    heldInTime,
    leaseNotEarly,
    noHangingPromise,
    nothingLeft,
  ],
  draw: (random, clients) => {
    const observers = random.pick([1, 1, 2]);
    const shared = random.chance(0.3);
    const scripts = Array.from({ length: clients }, (_, client) => {
      const turns = random.pick([1, 1, 2, 3]);
      return Array.from({ length: turns }, () => drawTurn(random, shared ? 'x' : `i${client}`));
    });
    // Drawn last, so that a seed has the rest as it had before there was this.
    const all = scripts.map((script) => script.map((turn) => ({ ...turn, pair: random.chance(pairShare) })));
    return all.map((script, client) => (client < observers ? [[{ how: 'discover' }], script] : [script]));
  },
  stage: (plan) => new RegistryStage(plan),
};

function drawTurn(random: Prng, id: string): RegistryOperation {
  const idleMs = Math.round(random.between(0, random.pick([10, 2000])));
  if (random.chance(0.15)) return { how: 'switch', id, idleMs, enabled: random.chance(0.5) };
  return {
    how: random.pick(['visit', 'visit', 'stay'] as const),
    id,
    takeOver: random.chance(0.4),
    idleMs,
    stayMs: Math.round(random.between(0, random.pick([5, 500, 5000]))),
    updates: random.below(3),
    drainMs: random.chance(0.3) ? Math.round(random.between(1, 300)) : 0,
    abortAfterMs: random.chance(0.2) ? Math.round(random.between(0, 3000)) : null,
  };
}

class RegistryStage implements Stage {
  readonly #plan: Plan;
  readonly #discoveries: Discovery[] = [];
  readonly #range: KeyRange;
  #begun = false;
  #present = '[]';

  constructor(plan: Plan) {
    this.#plan = plan;
    const prefix = utf8(`services/${service}/`);
    this.#range = keyRange(prefix, utf8(`services/${service}0`));
  }

  changed({ truth, recorder }: SimServer, { revision, changes }: Revision): void {
    this.#begin(recorder);
    if (!changes.some(({ text }) => inRange(this.#range, text))) return;
    const { kvs } = truth.engine.space.scan(this.#range, undefined, 1000);
    const entries = kvs.map((kv) => {
      const id = utf8Text(kv.key.subarray(`services/${service}/`.length));
      return shownEntry(id, goNaming.decode(kv.value, { service, id }), kv.lease);
    });
    const value = JSON.stringify(entries.sort());
    if (value === this.#present) return;
    this.#present = value;
    recorder.note('server', object, 'state', { revision, value });
  }

  #begin(recorder: Recorder): void {
    if (!this.#begun) recorder.note('server', object, 'state', { revision: 1n, value: '[]' });
    this.#begun = true;
  }

  async perform(client: SimClient, operation: Json): Promise<void> {
    const turn = operation as RegistryOperation;
    if (turn.how === 'discover') return this.#discover(client);
    await pause(client.process, turn.idleMs);
    try {
      if (turn.how === 'switch') await registryOf(client).setEnabled(service, turn.id, turn.enabled);
      else await this.#visit(client, turn as Visit);
    } catch (error) {
      expectFailure(error);
    }
  }

  end(): Promise<void> {
    for (const each of this.#discoveries) each.close();
    return Promise.resolve();
  }

  async #visit(client: SimClient, turn: Visit): Promise<void> {
    const { id, takeOver, abortAfterMs, drainMs } = turn;
    const spec = { service, id, address: `${client.name.replace('#', '-')}:80` };
    await untilGivesUp(client.process, abortAfterMs, async (signal) => {
      const registry = registryOf(client);
      const registration = await registry.register(spec, { takeOver, drainMs, signal });
      const other = turn.pair
        ? await registry.register({ ...spec, id: `${id}-other` }, { takeOver, signal })
        : undefined;
      await this.#live(client, turn, registration);
      await other?.deregister();
    });
  }

  async #live(client: SimClient, turn: Visit, registration: Registration): Promise<void> {
    for (let i = 0; i < turn.updates; i++) {
      await pause(client.process, turn.stayMs / (turn.updates + 1));
      await registration.update({ weight: i + 1 });
    }
    await pause(client.process, turn.stayMs / (turn.updates + 1));
    if (turn.how === 'stay') {
      await this.#untilRecovered(client);
      this.#note(client, registration, 'registration.kept');
    }
    await registration.deregister();
    this.#note(client, registration, 'registration.gone');
  }

  #note(
    { recorder, name }: SimClient,
    { entry, status, signal }: Registration,
    fact: 'registration.kept' | 'registration.gone',
  ): void {
    const ended = signal.aborted ? String((signal.reason as { code?: string }).code) : null;
    recorder.note(name, object, fact, { owner: entry.owner ?? '', status, ended });
  }

  async #discover(client: SimClient): Promise<void> {
    this.#begin(client.recorder);
    const discovery = registryOf(client).discover(service, { massExpiry: false });
    this.#discoveries.push(discovery);
    const observer = `${client.name}-${this.#discoveries.length}`;
    const seen = new Map<string, string>();
    const look = (revision: bigint) =>
      client.recorder.note(client.name, object, 'view', {
        observer,
        revision,
        value: JSON.stringify([...seen.values()].sort()),
      });
    const loop = async () => {
      for await (const { revision, joined, left, changed } of discovery.changes()) {
        for (const each of left) seen.delete(each.id);
        for (const each of joined) seen.set(each.id, shownEntry(each.id, each, each.leaseId));
        for (const { after } of changed) seen.set(after.id, shownEntry(after.id, after, after.leaseId));
        look(revision);
      }
    };
    loop().catch(expectFailure);
    try {
      await discovery.ready();
      await this.#untilRecovered(client);
    } catch (error) {
      expectFailure(error);
    }
  }

  #untilRecovered({ process, world }: SimClient): Promise<void> {
    return pause(process, Math.max(0, this.#plan.healAtMs + recoveredMs - world.nowMs));
  }
}

function registryOf({ context }: SimClient): Registry {
  return new Registry(context, new MemoryFiles());
}

/** What of an entry both sides must agree on; its lease is last. */
export function shownEntry(id: string, { owner, address, weight, enabled, draining }: Entry, lease: bigint): string {
  return `${id} ${owner} ${address} ${weight} ${enabled ? '' : 'off '}${draining ? 'draining ' : ''}${lease}`;
}
