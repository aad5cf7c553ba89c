import { pause } from '../../core/abort.js';
import { utf8 } from '../../core/bytes.js';
import type { Revision } from '../../engine/key-record.js';
import type { HoldOptions } from '../../line/context.js';
import type { Held } from '../../line/held.js';
import { Mutex } from '../../lock/mutex.js';
import { fenceGrowth } from '../checkers/fence-growth.js';
import { firstInLine } from '../checkers/first-in-line.js';
import { guardedWrites } from '../checkers/guarded-writes.js';
import { heldInTime } from '../checkers/held-in-time.js';
import { leaseNotEarly } from '../checkers/lease-not-early.js';
import { linearizableLocks } from '../checkers/linearizable-locks.js';
import { lockBreaks } from '../checkers/lock-breaks.js';
import { lockDelay } from '../checkers/lock-delay.js';
import { maxHold } from '../checkers/max-hold.js';
import { mutualExclusion } from '../checkers/mutual-exclusion.js';
import { noHangingPromise } from '../checkers/no-hanging-promise.js';
import { nothingLeft } from '../checkers/nothing-left.js';
import { placeKept } from '../checkers/place-kept.js';
import type { Json, Plan } from '../plan.js';
import type { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import type { SimServer } from '../sim-server.js';
import type { HoldTerms } from '../vocabulary.js';
import type { Stage, Workload } from '../workload.js';
import { expectFailure, untilGivesUp } from './expected-errors.js';
import { GuardedCounters } from './guarded-counters.js';
import { HeldSamples } from './held-samples.js';
import { LeaderTruth } from './leader-truth.js';
import { breakHolder } from './lock-break.js';

/** One turn of a task with a lock. */
type LockOperation = {
  /** `break`: takes the lock from whoever was seen to hold it `workMs` ago. */
  readonly how: 'lock' | 'tryLock' | 'withLock' | 'break';
  readonly name: string;
  /** Before it begins. */
  readonly idleMs: number;
  /** How long the work under the lock takes, besides its writes. */
  readonly workMs: number;
  /** What the work writes: a counter on etcd, one in the outside store, or nothing. */
  readonly writes: 'etcd' | 'outside' | 'none';
  /** Whether the work asks for `held` before it writes, as it should, or leaves that to the guard. */
  readonly careful: boolean;
  readonly timeoutMs: number | null;
  readonly abortAfterMs: number | null;
  /**
   * A second lock that is taken under the first; always one that comes later in the list, so that nobody waits in a
   * circle.
   */
  readonly inner: string | null;
  /** Absent in plans that are older. */
  readonly maxHoldMs?: number | null;
  readonly lockDelayMs?: number | null;
  /** Never lets go, and leaves that to `maxHoldMs`. */
  readonly forgets?: boolean;
  /** Wants it once more before it has the store's word that it has let go. */
  readonly again?: boolean;
};

/** How often an operation has a longest time, and a cool-down. */
interface Limits {
  readonly maxHold: number;
  readonly delay: number;
}

/**
 * Locks, with writes that must be lost by nobody: guarded increments on etcd, and an outside store that is shown the
 * fence with reads and writes.
 */
export const lockWorkload: Workload = lockWorkloadOf('lock', true);

/** Many callers in each process, of which one has a place of its own: the others wait in the process. */
export const lockCrowdWorkload: Workload = {
  ...lockWorkloadOf('lock-crowd', true, [3, 4, 6]),
  crowds: { ownPlaces: 1 },
};

/** Every line is long: the head of each tells who comes next. */
export const lockHeadsWorkload: Workload = {
  ...lockWorkloadOf('lock-heads', true, [3, 4, 5]),
  crowds: { ownPlaces: 3, longLine: 2 },
};

/** The control run: the outside store takes whatever comes, and so must lose writes. */
export const unfencedWorkload: Workload = lockWorkloadOf('unfenced', false);

function lockWorkloadOf(name: string, fenced: boolean, tasksOf: readonly number[] = [1, 1, 1, 1, 2]): Workload {
  return {
    name,
    recordsKv: false,
    hasWatchers: false,
    keeps: (key) => key.startsWith('data/'),
    checkers: [
      firstInLine,
      linearizableLocks,
      mutualExclusion,
      fenceGrowth,
      guardedWrites,
      lockBreaks,
      placeKept,
      maxHold,
      lockDelay,
      heldInTime,
      leaseNotEarly,
      noHangingPromise,
      nothingLeft,
    ],
    draw: (random, clients) => {
      const names = random.pick([['a'], ['a'], ['a', 'b'], ['a/b', 'a']] as const);
      const tasks = random.pick(tasksOf);
      const turns = random.pick([1, 1, 2, 3]);
      const breaks = random.pick([0, 0, 0.25]);
      const limits = { maxHold: random.pick([0, 0, 0.5]), delay: random.pick([0, 0, 0.5]) };
      const draw = () => drawOperation(random, names, fenced, breaks, limits);
      return Array.from({ length: clients }, () =>
        Array.from({ length: tasks }, () => Array.from({ length: turns }, draw)),
      );
    },
    stage: (plan) => new LockStage(plan, fenced),
  };
}

function drawOperation(
  random: Prng,
  names: readonly string[],
  fenced: boolean,
  breaks: number,
  limits: Limits,
): LockOperation {
  const name = random.pick(names);
  const later = names.slice(names.indexOf(name) + 1);
  return {
    how: random.chance(breaks) ? 'break' : random.pick(['lock', 'lock', 'tryLock', 'withLock'] as const),
    name,
    idleMs: Math.round(random.between(0, random.pick([10, 500]))),
    workMs: Math.round(random.between(0, random.pick([5, 300, 3000]))),
    writes: fenced ? random.pick(['etcd', 'outside', 'none'] as const) : 'outside',
    careful: fenced && random.chance(0.5),
    timeoutMs: random.chance(0.35) ? Math.round(random.between(0, 3000)) : null,
    abortAfterMs: random.chance(0.25) ? Math.round(random.between(0, 3000)) : null,
    inner: later.length > 0 && random.chance(0.3) ? random.pick(later) : null,
    ...drawLimits(random, limits),
    again: random.chance(0.2),
  };
}

function drawLimits(random: Prng, { maxHold, delay }: Limits) {
  const maxHoldMs = random.chance(maxHold) ? Math.round(random.between(50, random.pick([300, 2000]))) : null;
  return {
    maxHoldMs,
    lockDelayMs: random.chance(delay) ? random.pick([300, 1500, 4000]) : null,
    forgets: maxHoldMs !== null && random.chance(0.3),
  };
}

class LockStage implements Stage {
  readonly #samples = new HeldSamples();
  readonly #counters: GuardedCounters;
  readonly #truths = ['a', 'b', 'a/b'].map((name) => new LeaderTruth(lineOf(name), utf8(`locks/${name}/`)));

  constructor(plan: Plan, fenced: boolean) {
    this.#counters = new GuardedCounters(plan, fenced);
  }

  changed(server: SimServer, revision: Revision): void {
    for (const truth of this.#truths) truth.look(server, revision);
  }

  look(): void {
    this.#samples.look();
  }

  async perform(client: SimClient, operation: Json): Promise<void> {
    const turn = operation as LockOperation;
    await pause(client.process, turn.idleMs);
    if (turn.how === 'break') return breakHolder(client, turn.name, lineOf(turn.name), turn.workMs);
    const { abortAfterMs, timeoutMs, maxHoldMs, lockDelayMs } = turn;
    const terms = { ...(maxHoldMs && { maxHoldMs }), ...(lockDelayMs && { lockDelayMs }) };
    await untilGivesUp(client.process, abortAfterMs, (signal) => {
      const options = { signal, ...(timeoutMs !== null && { timeoutMs }), ...terms };
      return turn.how === 'withLock'
        ? this.#withLock(client, turn, options)
        : this.#acquireAndWork(client, turn, options);
    });
  }

  async #acquireAndWork(client: SimClient, turn: LockOperation, options: HoldOptions): Promise<void> {
    const held = await this.#acquire(client, turn.name, turn.how, options);
    if (held === null) return;
    const over = this.#samples.watch(client, lineOf(turn.name), held);
    await this.#work(client, turn, held);
    if (turn.forgets) return;
    over();
    const released = this.#release(client, turn.name, held);
    if (turn.again) await this.#inner(client, turn.name);
    await released;
  }

  async #withLock(client: SimClient, turn: LockOperation, options: HoldOptions): Promise<void> {
    const line = lineOf(turn.name);
    const pending = client.recorder.invoke(client.name, line, 'lock.acquire', termsOf(options));
    let entered = false;
    try {
      await new Mutex(client.context, turn.name).withLock(options, async (held) => {
        entered = true;
        pending.ok({ fence: held.fence, lease: held.leaseId, key: held.key });
        const over = this.#samples.watch(client, line, held);
        await this.#work(client, turn, held);
        over();
        // What comes now is the release.
        client.recorder.invoke(client.name, line, 'release', { fence: held.fence }).ok(null);
      });
    } catch (error) {
      if (!entered) pending.fail(error);
      expectFailure(error);
    }
  }

  async #acquire(
    client: SimClient,
    name: string,
    how: LockOperation['how'],
    options: HoldOptions,
  ): Promise<Held | null> {
    const mutex = new Mutex(client.context, name);
    const pending = client.recorder.invoke(client.name, lineOf(name), 'lock.acquire', termsOf(options));
    try {
      const held = how === 'tryLock' ? await mutex.tryLock(options) : await mutex.lock(options);
      pending.ok(held === null ? null : { fence: held.fence, lease: held.leaseId, key: held.key });
      return held;
    } catch (error) {
      // Whatever went wrong, it must have left nothing behind.
      pending.fail(error);
      expectFailure(error);
      return null;
    }
  }

  async #release(client: SimClient, name: string, held: Held): Promise<void> {
    const pending = client.recorder.invoke(client.name, lineOf(name), 'release', { fence: held.fence });
    try {
      await held.release();
      pending.ok(null);
    } catch (error) {
      pending.threw(error);
      expectFailure(error);
    }
  }

  async #work(client: SimClient, turn: LockOperation, held: Held): Promise<void> {
    await pause(client.process, turn.workMs / 2);
    if (turn.inner !== null) await this.#inner(client, turn.inner);
    const goesOn = () => !turn.careful || held.held;
    if (goesOn()) {
      const line = lineOf(turn.name);
      if (turn.writes === 'etcd') await this.#counters.writeEtcd(client, turn.name, line, held);
      if (turn.writes === 'outside') await this.#counters.writeOutside(client, turn.name, line, held, goesOn);
    }
    await pause(client.process, turn.workMs / 2);
  }

  async #inner(client: SimClient, name: string): Promise<void> {
    const held = await this.#acquire(client, name, 'lock', {});
    if (held !== null) await this.#release(client, name, held);
  }
}

function termsOf({ maxHoldMs, lockDelayMs }: HoldOptions): HoldTerms | null {
  if (maxHoldMs === undefined && lockDelayMs === undefined) return null;
  return { ...(maxHoldMs && { maxHoldMs }), ...(lockDelayMs && { lockDelayMs }) };
}

function lineOf(name: string): string {
  return `lock/${name}`;
}
