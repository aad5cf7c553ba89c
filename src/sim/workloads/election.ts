import { pause } from '../../core/abort.js';
import { utf8 } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import { Election } from '../../election/election.js';
import type { Leader } from '../../election/leader.js';
import { Observers } from '../../election/leader-watch.js';
import type { Leadership } from '../../election/leadership.js';
import type { Revision } from '../../engine/key-record.js';
import type { Session } from '../../lease/session.js';
import { election } from '../checkers/election.js';
import { fenceGrowth } from '../checkers/fence-growth.js';
import { firstInLine } from '../checkers/first-in-line.js';
import { guardedWrites } from '../checkers/guarded-writes.js';
import { handOver } from '../checkers/hand-over.js';
import { heldInTime } from '../checkers/held-in-time.js';
import { leaseNotEarly } from '../checkers/lease-not-early.js';
import { noHangingPromise } from '../checkers/no-hanging-promise.js';
import { nothingLeft } from '../checkers/nothing-left.js';
import type { Json, Plan } from '../plan.js';
import type { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import type { SimServer } from '../sim-server.js';
import type { Stage, Workload } from '../workload.js';
import { expectFailure, gaveUp, untilGivesUp } from './expected-errors.js';
import { GuardedCounters } from './guarded-counters.js';
import { HeldSamples } from './held-samples.js';
import { LeaderTruth } from './leader-truth.js';

/** One turn of a task with an election. */
type ElectionOperation =
  | {
      /** `campaign`: stand once, work, step down. `run`: lead again and again until the abort. */
      readonly how: 'campaign' | 'run';
      readonly value: string;
      readonly idleMs: number;
      readonly workMs: number;
      readonly proclaims: number;
      readonly writes: boolean;
      /** Null: says nothing of its rank. */
      readonly rank: { readonly priority: number; readonly zone: string; readonly preferZone: string } | null;
      /** Hands over to the last in line, in the middle of its work. */
      readonly handsOver: boolean;
      /** For `run`: hands over when a better one comes; its probe fails from `fromMs` on, for `forMs`. */
      readonly preempt: boolean;
      readonly sick: { readonly fromMs: number; readonly forMs: number } | null;
      /** For `campaign`: its process forgets all in the middle of its work, and resumes. */
      readonly restarts: boolean;
      readonly timeoutMs: number | null;
      /** For `run` always a number. */
      readonly abortAfterMs: number | null;
    }
  /** Watches who leads, from now to the end of the run, beside whatever comes next. */
  | { readonly how: 'observe' };

const electionName = 'e';
const line = `election/${electionName}`;
const prefix = `elections/${electionName}/`;

/** Campaigns, proclamations and observers of one election. */
export const electionWorkload: Workload = {
  name: 'election',
  recordsKv: false,
  hasWatchers: true,
  keeps: (key) => key.startsWith('data/'),
  checkers: [
    firstInLine,
    election,
    handOver,
    fenceGrowth,
    guardedWrites,
    heldInTime,
    leaseNotEarly,
    noHangingPromise,
    nothingLeft,
  ],
  draw: (random, clients) => {
    const turns = random.pick([1, 1, 2, 3]);
    const observers = random.pick([0, 1, 2]);
    return Array.from({ length: clients }, (_, client) => [
      [
        ...(client < observers ? [{ how: 'observe' } as const] : []),
        ...Array.from({ length: turns }, (_, turn) => drawTurn(random, `v${client}.${turn}`)),
      ],
    ]);
  },
  // An observer that misses a DELETE has no way to know: it is told nothing more, and does not look again by itself.
  suffers: (word, scripts) => word !== 'dropped-delete' || !scripts.flat(2).some(isObserver),
  stage: (plan) => new ElectionStage(plan),
};

function drawTurn(random: Prng, value: string): ElectionOperation {
  const how = random.pick(['campaign', 'campaign', 'run'] as const);
  const aborts = how === 'run' || random.chance(0.2);
  return {
    how,
    value,
    idleMs: Math.round(random.between(0, random.pick([10, 500]))),
    // `run` comes back at once: without work it would do nothing else.
    workMs: Math.round(random.between(how === 'run' ? 300 : 0, random.pick([400, 800, 3000]))),
    proclaims: random.below(3),
    writes: random.chance(0.4),
    rank: random.chance(0.4)
      ? { priority: random.below(3), zone: random.pick(['a', 'b']), preferZone: random.pick(['a', 'a', 'b']) }
      : null,
    handsOver: random.chance(0.3),
    preempt: how === 'run' && random.chance(0.4),
    sick: how === 'run' && random.chance(0.3) ? { fromMs: random.below(2000), forMs: random.below(2000) } : null,
    restarts: how === 'campaign' && random.chance(0.2),
    timeoutMs: how === 'campaign' && random.chance(0.2) ? Math.round(random.between(0, 3000)) : null,
    abortAfterMs: aborts ? Math.round(random.between(100, 4000)) : null,
  };
}

const secondObserverMs = 700;

class ElectionStage implements Stage {
  readonly #samples = new HeldSamples();
  readonly #counters: GuardedCounters;
  readonly #truth = new LeaderTruth(line, utf8(prefix));
  readonly #observers = new Set<Observer>();
  #lastProclaim = 0;

  constructor(plan: Plan) {
    this.#counters = new GuardedCounters(plan, true);
  }

  look(): void {
    this.#samples.look();
  }

  changed(server: SimServer, revision: Revision): void {
    this.#truth.look(server, revision);
  }

  /** Ends the observers. */
  async end(): Promise<void> {
    await Promise.all([...this.#observers].map(({ client, end }) => (client.process.crashed ? undefined : end())));
  }

  async perform(client: SimClient, operation: Json): Promise<void> {
    const turn = operation as ElectionOperation;
    if (turn.how === 'observe') return this.#observeTwice(client);
    await pause(client.process, turn.idleMs);
    await untilGivesUp(client.process, turn.abortAfterMs, (signal) =>
      turn.how === 'run' ? this.#run(client, turn, signal) : this.#campaign(client, turn, signal),
    );
  }

  async #campaign(client: SimClient, turn: Turn, signal: AbortSignal | undefined): Promise<void> {
    const { value, timeoutMs, rank } = turn;
    // Its own, to be forgotten.
    const session = turn.restarts ? client.context.sessions.fresh() : undefined;
    const pending = client.recorder.invoke(client.name, line, 'election.campaign', { value });
    recordAttempts(client, value);
    let leadership: Leadership;
    try {
      const options = { signal, session, ...rank, ...(timeoutMs !== null && { timeoutMs }) };
      leadership = await new Election(client.context, electionName).campaign(value, options);
    } catch (error) {
      pending.fail(error);
      return expectFailure(error);
    }
    pending.ok(grantOf(leadership));
    await this.#lead(client, turn, leadership);
    if (session === undefined) return this.#resign(client, leadership);
    const resumed = await this.#restart(client, leadership, session);
    if (resumed === undefined) return;
    await this.#lead(client, turn, resumed);
    await this.#resign(client, resumed);
  }

  /** The process as it would be after a restart: nothing is left of its former life but what it has kept. */
  async #restart(client: SimClient, former: Leadership, session: Session): Promise<Leadership | undefined> {
    client.recorder.invoke(client.name, line, 'release', { fence: former.fence }).ok(null);
    session.orphan();
    try {
      return (await new Election(client.context, electionName).resume(former, { timeoutMs: 3000 })) ?? undefined;
    } catch (error) {
      expectFailure(error);
      return undefined;
    }
  }

  /** Each term is an operation of its own; the last one may be under way when the abort comes. */
  async #run(client: SimClient, turn: Turn, signal: AbortSignal | undefined): Promise<void> {
    const { recorder, name } = client;
    recordAttempts(client, turn.value);
    let pending = recorder.invoke(name, line, 'election.campaign', { value: turn.value });
    let open = true;
    let lastTerm: bigint | undefined;
    const work = async (leadership: Leadership) => {
      // The same term again: whoever it was to be handed over to has gone.
      if (leadership.term === lastTerm) return this.#lead(client, turn, leadership);
      lastTerm = leadership.term;
      pending.ok(grantOf(leadership));
      open = false;
      await this.#lead(client, turn, leadership);
      recorder.invoke(name, line, 'release', { fence: leadership.fence }).ok(null);
      if (signal?.aborted) return;
      pending = recorder.invoke(name, line, 'election.campaign', { value: turn.value });
      open = true;
    };
    const { rank, preempt, sick } = turn;
    const startedMs = client.process.monotonicMs();
    const isWell = (fromMs: number, forMs: number) => {
      const sinceMs = client.process.monotonicMs() - startedMs;
      return sinceMs < fromMs || sinceMs > fromMs + forMs;
    };
    const probe = sick === null ? undefined : () => isWell(sick.fromMs, sick.forMs);
    const health = probe && { probe, intervalMs: 200, timeoutMs: 200, failures: 2 };
    try {
      const options = { signal, preempt, health, ...rank };
      await new Election(client.context, electionName).run(turn.value, work, options);
    } catch (error) {
      if (open) pending.fail(error);
      expectFailure(error);
    }
  }

  async #lead(client: SimClient, turn: Turn, leadership: Leadership): Promise<void> {
    const over = this.#samples.watch(client, line, leadership);
    await pause(client.process, turn.workMs / 2);
    for (let i = 0; i < turn.proclaims; i++) await this.#proclaim(client, leadership);
    if (turn.writes) await this.#counters.writeEtcd(client, electionName, line, leadership);
    if (turn.handsOver) await this.#handOver(client, turn, leadership);
    await pause(client.process, turn.workMs / 2);
    over();
  }

  /** Under `run` it is only told to: it happens when the work has settled. */
  async #handOver(client: SimClient, turn: Turn, leadership: Leadership): Promise<void> {
    try {
      const candidates = await new Election(client.context, electionName).candidates();
      const last = candidates.at(-1);
      if (last === undefined || last.term === leadership.term) return;
      if (turn.how === 'run') return await leadership.handOver(last, { timeoutMs: 3000 });
      const input = { fence: leadership.fence, to: last.value };
      const pending = client.recorder.invoke(client.name, line, 'election.handOver', input);
      await leadership.handOver(last, { timeoutMs: 3000 }).then(
        () => pending.ok(null),
        (error: unknown) => {
          pending.unknown(error);
          throw error;
        },
      );
    } catch (error) {
      if (!ConclaveError.is(error, 'NOT_FOUND', 'FAILED_PRECONDITION', 'RELEASED')) expectFailure(error);
    }
  }

  async #proclaim(client: SimClient, leadership: Leadership): Promise<void> {
    this.#lastProclaim += 1;
    const value = `p${this.#lastProclaim}`;
    const input = { fence: leadership.fence, value };
    const pending = client.recorder.invoke(client.name, line, 'election.proclaim', input);
    try {
      await leadership.proclaim(value);
      pending.ok(null);
    } catch (error) {
      // An earlier run of it may have been applied, or may be yet.
      pending.unknown(error);
      expectFailure(error);
    }
  }

  async #resign(client: SimClient, leadership: Leadership): Promise<void> {
    const pending = client.recorder.invoke(client.name, line, 'release', { fence: leadership.fence });
    try {
      await leadership.resign();
      pending.ok(null);
    } catch (error) {
      pending.threw(error);
      // Handed over before.
      if (!ConclaveError.is(error, 'RELEASED')) expectFailure(error);
    }
  }

  /** The second comes later, to the same watch. */
  async #observeTwice(client: SimClient): Promise<void> {
    const observers = new Observers(client.context);
    this.#observe(client, observers, 1);
    await pause(client.process, secondObserverMs);
    this.#observe(client, observers, 2);
  }

  #observe(client: SimClient, observers: Observers, nth: number): void {
    const observer: Observer = { client, end: () => Promise.resolve() };
    const aborts = new AbortController();
    const name = `${client.name}-observer-${nth}`;
    const election = new Election(client.context, electionName, observers);
    const loop = async () => {
      try {
        for await (const leader of election.observe({ signal: aborts.signal })) {
          client.recorder.note(client.name, line, 'view', { observer: name, value: shownOf(leader) });
        }
      } catch (error) {
        expectFailure(error);
      }
    };
    const done = loop();
    observer.end = () => {
      client.recorder.note(client.name, line, 'view.end', { observer: name });
      aborts.abort(gaveUp());
      return done;
    };
    this.#observers.add(observer);
  }
}

/**
 * A campaign may make more than one place: `run` begins again after a loss, and a request of unknown fate may arrive
 * after all, when another try of it has been answered. Whose place it was can be seen, though nobody was told that it
 * leads.
 */
function recordAttempts({ recorder, name }: SimClient, value: string): void {
  recorder.invoke(name, line, 'election.campaign', { value }).unknown('further tries of the same campaign');
}

function isObserver(operation: Json): boolean {
  return (operation as ElectionOperation).how === 'observe';
}

type Turn = Exclude<ElectionOperation, { how: 'observe' }>;

interface Observer {
  readonly client: SimClient;
  end: () => Promise<void>;
}

function grantOf({ fence, leaseId, key }: Leadership): { fence: bigint; lease: bigint; key: string } {
  return { fence, lease: leaseId, key };
}

function shownOf(leader: Leader | null): { term: bigint; value: string } | null {
  return leader === null ? null : { term: leader.term, value: leader.value };
}
