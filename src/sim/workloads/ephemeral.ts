import { pause } from '../../core/abort.js';
import { utf8, utf8Text } from '../../core/bytes.js';
import { inRange, type KeyRange, keyRange } from '../../engine/key-range.js';
import type { Revision } from '../../engine/key-record.js';
import type { EphemeralKey } from '../../ephemeral/ephemeral-key.js';
import { Ephemerals } from '../../ephemeral/ephemerals.js';
import { put, remove } from '../../store/ops.js';
import { ephemeral, showStanding } from '../checkers/ephemeral.js';
import { heldInTime } from '../checkers/held-in-time.js';
import { leaseNotEarly } from '../checkers/lease-not-early.js';
import { noHangingPromise } from '../checkers/no-hanging-promise.js';
import { nothingLeft } from '../checkers/nothing-left.js';
import { registrations } from '../checkers/registrations.js';
import type { Json, Plan } from '../plan.js';
import type { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import type { SimServer } from '../sim-server.js';
import type { Stage, Workload } from '../workload.js';
import { expectFailure, untilGivesUp } from './expected-errors.js';

type EphemeralOperation = { readonly key: string; readonly idleMs: number } & (
  | {
      /** `visit`: comes and goes, and may come again. `stay`: is there until well after the last fault, and must be. */
      readonly how: 'visit' | 'stay';
      readonly takes: boolean;
      readonly times: number;
      readonly stayMs: number;
      readonly updates: number;
      readonly abortAfterMs: number | null;
    }
  /** Somebody deletes what stands there. */
  | { readonly how: 'sweep' }
  /** Somebody writes there without asking, and goes. */
  | { readonly how: 'usurp'; readonly stayMs: number }
);

type Visit = Extract<EphemeralOperation, { how: 'visit' | 'stay' }>;

const prefix = 'e/';
const object = 'ephemeral';

/** After the last fault: a lost DELETE is found out, whoever waits between two tries has tried again. */
const recoveredMs = 20_000;

/** Keys that are kept, updated and given up, two who want one key, and others that delete or write them. */
export const ephemeralWorkload: Workload = {
  name: 'ephemeral',
  recordsKv: false,
  hasWatchers: true,
  // What an usurper whose request was lost could not take away.
  keeps: (key) => key.startsWith(prefix),
  checkers: [ephemeral, registrations, heldInTime, leaseNotEarly, noHangingPromise, nothingLeft],
  draw: (random, clients) => {
    const shared = random.chance(0.4);
    return Array.from({ length: clients }, (_, client) => [
      Array.from({ length: random.pick([1, 2, 3]) }, () => drawTurn(random, shared ? 'x' : `${client}`)),
    ]);
  },
  stage: (plan) => new EphemeralStage(plan),
};

function drawTurn(random: Prng, key: string): EphemeralOperation {
  const idleMs = Math.round(random.between(0, random.pick([10, 2000])));
  const stayMs = Math.round(random.between(0, random.pick([5, 500, 5000])));
  if (random.chance(0.1)) return { how: 'sweep', key, idleMs };
  if (random.chance(0.1)) return { how: 'usurp', key, idleMs, stayMs };
  return {
    how: random.pick(['visit', 'visit', 'stay'] as const),
    key,
    idleMs,
    takes: random.chance(0.4),
    times: random.pick([1, 1, 2]),
    stayMs,
    updates: random.below(3),
    abortAfterMs: random.chance(0.3) ? Math.round(random.between(0, 3000)) : null,
  };
}

class EphemeralStage implements Stage {
  readonly #plan: Plan;
  readonly #range: KeyRange = keyRange(utf8(prefix), utf8('e0'));
  readonly #keepers = new Map<SimClient, Ephemerals>();
  /** By process and key: who has kept it there, and does so no more. */
  readonly #former = new Map<string, string[]>();
  #owners = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  changed({ truth, recorder }: SimServer, { revision, changes }: Revision): void {
    if (!changes.some(({ text }) => inRange(this.#range, text))) return;
    const { kvs } = truth.engine.space.scan(this.#range, undefined, 1000);
    recorder.note('server', object, 'state', { revision, value: kvs.map(({ value }) => utf8Text(value)).join('') });
  }

  async perform(client: SimClient, operation: Json): Promise<void> {
    const turn = operation as EphemeralOperation;
    await pause(client.process, turn.idleMs);
    try {
      if (turn.how === 'sweep') await client.store.txn({ success: [remove(prefix + turn.key)] });
      else if (turn.how === 'usurp') await this.#usurp(client, turn);
      else for (let i = 0; i < turn.times; i++) await this.#visit(client, turn);
    } catch (error) {
      expectFailure(error);
    }
  }

  async #usurp({ store, process }: SimClient, { key, stayMs }: { readonly key: string; readonly stayMs: number }) {
    this.#owners += 1;
    const value = showStanding(key, { owner: `u${this.#owners}`, takes: true, turn: 0 });
    await store.txn({ success: [put(prefix + key, value)] });
    await pause(process, stayMs);
    await store.txn({ success: [remove(prefix + key)] });
  }

  async #visit(client: SimClient, turn: Visit): Promise<void> {
    this.#owners += 1;
    const owner = `k${this.#owners}`;
    const place = `${client.name} ${turn.key}`;
    const former = this.#former.get(place) ?? [];
    client.recorder.note(client.name, object, 'registration.begins', { owner, after: former });
    try {
      await this.#keep(client, owner, turn);
    } finally {
      this.#former.set(place, [...former, owner]);
    }
  }

  async #keep(client: SimClient, owner: string, turn: Visit): Promise<void> {
    const { key, takes, abortAfterMs } = turn;
    const valueAt = (at: number) => showStanding(key, { owner, takes, turn: at });
    await untilGivesUp(client.process, abortAfterMs, async (signal) => {
      const kept = await this.#of(client).keep(prefix + key, valueAt(0), { takeOver: takes, signal });
      for (let i = 1; i <= turn.updates; i++) {
        await pause(client.process, turn.stayMs / (turn.updates + 1));
        await kept.update(valueAt(i));
      }
      await pause(client.process, turn.stayMs / (turn.updates + 1));
      if (turn.how === 'stay') {
        await pause(client.process, Math.max(0, this.#plan.healAtMs + recoveredMs - client.world.nowMs));
        this.#note(client, kept, `${owner} ${turn.updates}`, 'registration.kept');
      }
      await kept.delete();
      this.#note(client, kept, owner, 'registration.gone');
    });
  }

  #note(
    { recorder, name }: SimClient,
    { status, signal }: EphemeralKey,
    owner: string,
    fact: 'registration.kept' | 'registration.gone',
  ): void {
    const ended = signal.aborted ? String((signal.reason as { code?: string }).code) : null;
    recorder.note(name, object, fact, { owner, status, ended });
  }

  #of(client: SimClient): Ephemerals {
    const keepers = this.#keepers.get(client) ?? new Ephemerals(client.context);
    this.#keepers.set(client, keepers);
    return keepers;
  }
}
