import { onAbort, pause } from '../../core/abort.js';
import { latin1, utf8 } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import type { Revision } from '../../engine/key-record.js';
import { Mutex } from '../../lock/mutex.js';
import type { WebLock } from '../../web-locks/web-lock.js';
import { WebLocks } from '../../web-locks/web-locks.js';
import { fenceGrowth } from '../checkers/fence-growth.js';
import { guardedWrites } from '../checkers/guarded-writes.js';
import { heldInTime } from '../checkers/held-in-time.js';
import { inTurn } from '../checkers/in-turn.js';
import { leaseNotEarly } from '../checkers/lease-not-early.js';
import { noHangingPromise } from '../checkers/no-hanging-promise.js';
import { nothingLeft } from '../checkers/nothing-left.js';
import { rwlock } from '../checkers/rwlock.js';
import { steals } from '../checkers/steals.js';
import type { Json, Plan } from '../plan.js';
import type { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import type { SimServer } from '../sim-server.js';
import type { Grant } from '../vocabulary.js';
import type { Stage, Workload } from '../workload.js';
import { expectFailure, untilGivesUp } from './expected-errors.js';
import { GuardedCounters } from './guarded-counters.js';
import { HeldSamples } from './held-samples.js';
import { LineTruth } from './line-truth.js';

/** One turn of a task. */
type Turn = {
  /** `lock`: not by the Web Locks API, in the same line. */
  readonly how: 'exclusive' | 'shared' | 'ifAvailable' | 'steal' | 'lock';
  readonly name: string;
  readonly idleMs: number;
  readonly workMs: number;
  readonly writes: boolean;
  readonly abortAfterMs: number | null;
};

const names = ['x', 'y'] as const;

/** Requests of the Web Locks API that share, exclude and steal, and callers of `lock` among them. */
export const webLocksWorkload: Workload = {
  name: 'web-locks',
  recordsKv: false,
  hasWatchers: false,
  keeps: (key) => key.startsWith('data/'),
  checkers: [
    inTurn,
    rwlock,
    steals,
    fenceGrowth,
    guardedWrites,
    heldInTime,
    leaseNotEarly,
    noHangingPromise,
    nothingLeft,
  ],
  draw: (random, clients) => {
    const tasks = random.pick([1, 2]);
    const turns = random.pick([1, 2, 3]);
    const chance = random.pick([0, 0.15, 0.4]);
    const used = random.pick([names, names.slice(0, 1)]);
    const draw = () => drawTurn(random, used, chance);
    return Array.from({ length: clients }, () =>
      Array.from({ length: tasks }, () => Array.from({ length: turns }, draw)),
    );
  },
  stage: (plan) => new WebLocksStage(plan),
};

function drawTurn(random: Prng, used: readonly string[], chance: number): Turn {
  const others = ['exclusive', 'exclusive', 'shared', 'shared', 'ifAvailable', 'lock', 'lock'] as const;
  const how = random.chance(chance) ? 'steal' : random.pick(others);
  const mayAbort = how !== 'steal' && how !== 'ifAvailable';
  return {
    how,
    name: random.pick(used),
    idleMs: Math.round(random.between(0, random.pick([10, 500, 1500]))),
    workMs: Math.round(random.between(0, random.pick([5, 300, 3000]))),
    writes: how !== 'shared' && random.chance(0.5),
    abortAfterMs: mayAbort && random.chance(0.25) ? Math.round(random.between(0, 3000)) : null,
  };
}

class WebLocksStage implements Stage {
  readonly #samples = new HeldSamples();
  readonly #counters: GuardedCounters;
  readonly #truths = names.map((name) => new LineTruth(lineOf(name), utf8(`locks/${name}/`)));
  /** Of each process one, as `conclave.locks` is: it keeps the order of its requests. */
  readonly #locks = new WeakMap<SimClient, WebLocks>();

  constructor(plan: Plan) {
    this.#counters = new GuardedCounters(plan, true);
  }

  changed(server: SimServer, revision: Revision): void {
    for (const truth of this.#truths) truth.look(server, revision);
  }

  look(): void {
    this.#samples.look();
  }

  async perform(client: SimClient, operation: Json): Promise<void> {
    const turn = operation as Turn;
    await pause(client.process, turn.idleMs);
    await untilGivesUp(client.process, turn.abortAfterMs, (signal) =>
      turn.how === 'lock' ? this.#lock(client, turn, signal) : this.#request(client, turn, signal),
    );
  }

  async #lock(client: SimClient, turn: Turn, signal: AbortSignal | undefined): Promise<void> {
    const { recorder, name } = client;
    const line = lineOf(turn.name);
    const pending = recorder.invoke(name, line, 'rwlock.write', null);
    let entered = false;
    try {
      await new Mutex(client.context, turn.name).withLock({ signal }, async (held) => {
        entered = true;
        pending.ok({ fence: held.fence, lease: held.leaseId, key: held.key });
        const over = this.#samples.watch(client, line, held);
        await this.#work(client, turn, held);
        over();
        recorder.invoke(name, line, 'release', { fence: held.fence }).ok(null);
      });
    } catch (error) {
      if (!entered) pending.fail(error);
      expectFailure(error);
    }
  }

  async #request(client: SimClient, turn: Turn, signal: AbortSignal | undefined): Promise<void> {
    const { recorder, name } = client;
    const line = lineOf(turn.name);
    const { how } = turn;
    const stealing = how === 'steal' ? recorder.invoke(name, line, 'lock.steal', null) : undefined;
    const pending = recorder.invoke(name, line, how === 'shared' ? 'rwlock.read' : 'rwlock.write', null);
    const options = {
      mode: how === 'shared' ? 'shared' : 'exclusive',
      ifAvailable: how === 'ifAvailable',
      steal: how === 'steal',
      ...(signal && { signal }),
    };
    let working: Promise<void> | undefined;
    const work = async (lock: WebLock | null) => {
      if (lock !== null) stealing?.ok({ fence: lock.fence });
      pending.ok(lock && grantOf(lock));
      if (lock === null) return;
      const over = this.#watch(client, line, lock);
      await this.#work(client, turn, lock);
      over();
      recorder.invoke(name, line, 'release', { fence: lock.fence }).ok(null);
    };
    try {
      await this.#locksOf(client).request([turn.name, options, (lock: WebLock | null) => (working = work(lock))]);
    } catch (error) {
      if (working === undefined) {
        stealing?.unknown(error);
        pending.fail(error);
      }
      expectFailure(error instanceof DOMException ? error.cause : error);
    }
    // Who is stolen from is told at once, and what it does goes on.
    await working;
  }

  async #work(client: SimClient, turn: Turn, held: Pick<WebLock, 'fence' | 'guard'>): Promise<void> {
    await pause(client.process, turn.workMs / 2);
    if (turn.writes) await this.#counters.writeEtcd(client, turn.name, lineOf(turn.name), held);
    await pause(client.process, turn.workMs / 2);
  }

  /** Samples `held` and writes a loss down, until the function returned is called. */
  #watch(client: SimClient, object: string, lock: WebLock): () => void {
    const { signal } = lock;
    const { fence, lease, key } = grantOf(lock);
    const stopSamples = this.#samples.add({
      ...{ client, object, fence, lease },
      remainingMs: () => lock.remainingMs,
      held: () => lock.held,
      serverHas: () => client.server.has(key, fence),
    });
    const onLoss = () => {
      const reason: unknown = signal.reason;
      if (!ConclaveError.is(reason, 'LOST', 'SESSION_LOST')) return;
      client.recorder.note(client.name, object, 'lost', { fence, lease, reason: reason.message });
    };
    const stopListening = onAbort(signal, onLoss);
    return () => {
      stopSamples();
      stopListening();
    };
  }

  #locksOf(client: SimClient): WebLocks {
    const known = this.#locks.get(client) ?? new WebLocks(client.context);
    this.#locks.set(client, known);
    return known;
  }
}

/** A web lock tells no lease: it is in the key. */
function grantOf(lock: WebLock): Required<Grant> {
  const key = latin1(lock.guard().key);
  const hex = /([0-9a-f]+)\.[0-9a-f]{16}/.exec(key)?.[1] ?? '0';
  return { fence: lock.fence, lease: BigInt(`0x${hex}`), key };
}

function lineOf(name: string): string {
  return `lock/${name}`;
}
