import { pause } from '../../core/abort.js';
import type { HoldOptions } from '../../line/context.js';
import type { Held, LockHeld } from '../../line/held.js';
import { type LockEntry, lockAll } from '../../lock-all/lock-all.js';
import { RwLock } from '../../rwlock/rw-lock.js';
import { Semaphore } from '../../semaphore/semaphore.js';
import { fenceGrowth } from '../checkers/fence-growth.js';
import { heldInTime } from '../checkers/held-in-time.js';
import { leaseNotEarly } from '../checkers/lease-not-early.js';
import { noHangingPromise } from '../checkers/no-hanging-promise.js';
import { nothingLeft } from '../checkers/nothing-left.js';
import { rwlock } from '../checkers/rwlock.js';
import { semaphore } from '../checkers/semaphore.js';
import type { Pending } from '../history.js';
import type { Json } from '../plan.js';
import type { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import type { Stage, Workload } from '../workload.js';
import { expectFailure, givesUpAfter } from './expected-errors.js';
import { HeldSamples } from './held-samples.js';

/** What is taken of one line. */
type Part =
  | { readonly op: 'rwlock.read' | 'rwlock.write'; readonly name: string }
  | { readonly op: 'semaphore.acquire'; readonly permits: number };

/** One turn of a task: one part is taken by itself, several by `lockAll`. */
interface Turn {
  readonly parts: readonly Part[];
  readonly tries: boolean;
  readonly downgrades: boolean;
  readonly idleMs: number;
  readonly workMs: number;
  readonly timeoutMs: number | null;
  readonly abortAfterMs: number | null;
}

/** How many permits the semaphore has. */
const limit = 3;

/** Readers, writers that read on, permits, and all of them at once. */
export const sharedLocksWorkload: Workload = {
  name: 'shared-locks',
  recordsKv: false,
  hasWatchers: false,
  // How many permits a semaphore has stays.
  keeps: (key) => key === 'semaphores/s/declared',
  checkers: [rwlock, semaphore, fenceGrowth, heldInTime, leaseNotEarly, noHangingPromise, nothingLeft],
  draw: (random, clients) => {
    const kinds = random.pick([['rwlock'], ['semaphore'], ['rwlock', 'semaphore', 'all']] as const);
    const tasks = random.pick([1, 1, 2]);
    const turns = random.pick([1, 2, 3]);
    return Array.from({ length: clients }, () =>
      Array.from({ length: tasks }, () => Array.from({ length: turns }, () => drawTurn(random, random.pick(kinds)))),
    );
  },
  stage: () => new SharedLocksStage(),
};

function drawTurn(random: Prng, kind: 'rwlock' | 'semaphore' | 'all') {
  const lock = (name: string): Part => ({ op: random.pick(['rwlock.read', 'rwlock.write'] as const), name });
  const permits: Part = { op: 'semaphore.acquire', permits: 1 + random.below(limit) };
  const parts = { rwlock: [lock('x')], semaphore: [permits], all: [lock('y'), permits, lock('x')] }[kind];
  // Callers have orders of their own; `lockAll` has one.
  const given = random.chance(0.5) ? parts : [...parts].reverse();
  return {
    parts: given,
    tries: random.chance(0.25),
    downgrades: random.chance(0.5),
    idleMs: Math.round(random.between(0, random.pick([10, 500]))),
    workMs: Math.round(random.between(0, random.pick([5, 300, 3000]))),
    timeoutMs: random.chance(0.3) ? Math.round(random.between(0, 3000)) : null,
    abortAfterMs: random.chance(0.25) ? Math.round(random.between(0, 3000)) : null,
  };
}

class SharedLocksStage implements Stage {
  readonly #samples = new HeldSamples();

  look(): void {
    this.#samples.look();
  }

  async perform(client: SimClient, operation: Json): Promise<void> {
    const turn = operation as unknown as Turn;
    await pause(client.process, turn.idleMs);
    const { abortAfterMs, timeoutMs } = turn;
    const { signal, stopTimer } = givesUpAfter(client.process, abortAfterMs);
    try {
      await this.#turn(client, turn, { signal, ...(timeoutMs !== null && { timeoutMs }) });
    } finally {
      stopTimer();
    }
  }

  async #turn(client: SimClient, turn: Turn, options: HoldOptions): Promise<void> {
    const { recorder, name } = client;
    const pending = turn.parts.map((part) => recorder.invoke(name, lineOf(part), part.op, inputOf(part) as never));
    let whole: Taken | null;
    try {
      whole = await take(client, turn, options);
    } catch (error) {
      for (const each of pending) each.fail(error);
      return expectFailure(error);
    }
    const parts = whole?.parts ?? [];
    for (const [i, each] of pending.entries()) each.ok(grantOf(parts[i]));
    if (whole === null) return;
    const lines = turn.parts.map(lineOf);
    const overs = parts.map((held, i) => this.#samples.watch(client, lines[i] as string, held));
    await pause(client.process, turn.workMs / 2);
    if (turn.downgrades && whole.lock?.mode === 'write') await downgrade(client, lines[0] as string, whole.lock);
    await pause(client.process, turn.workMs / 2);
    for (const over of overs) over();
    const releases = parts.map(({ fence }, i) => recorder.invoke(name, lines[i] as string, 'release', { fence }));
    await settle(releases, () => (whole as Taken).release());
  }
}

/** What was taken: its parts as those that hold them see them. */
interface Taken {
  readonly parts: readonly Held[];
  readonly lock?: LockHeld;
  release(): Promise<void>;
}

async function take(client: SimClient, { parts, tries }: Turn, options: HoldOptions): Promise<Taken | null> {
  const { context } = client;
  const [first] = parts;
  if (first === undefined) return null;
  if (parts.length > 1) {
    const all = await lockAll(context, parts.map(entryOf), options);
    return { parts: all.parts as readonly unknown[] as readonly Held[], release: () => all.release() };
  }
  if (first.op === 'semaphore.acquire') {
    const s = new Semaphore(context, 's', { permits: limit });
    const wish = { ...options, permits: first.permits };
    const held = tries ? await s.tryAcquire(wish) : await s.acquire(wish);
    return held && { parts: [held], release: () => held.release() };
  }
  const lock = new RwLock(context, first.name);
  const [reads, writes] = tries ? (['tryRead', 'tryWrite'] as const) : (['read', 'write'] as const);
  const held = await lock[first.op === 'rwlock.read' ? reads : writes](options);
  return held && { parts: [held], lock: held, release: () => held.release() };
}

async function downgrade({ recorder, name }: SimClient, line: string, held: LockHeld): Promise<void> {
  const pending = recorder.invoke(name, line, 'rwlock.downgrade', { fence: held.fence });
  try {
    await held.downgrade();
    pending.ok({ fence: held.fence, lease: held.leaseId, key: held.key });
  } catch (error) {
    pending.threw(error);
    expectFailure(error);
  }
}

async function settle(pending: readonly Pending[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
    for (const each of pending) each.ok(null);
  } catch (error) {
    for (const each of pending) each.threw(error);
    expectFailure(error);
  }
}

function entryOf(part: Part): LockEntry {
  if (part.op === 'semaphore.acquire') return { semaphore: 's', of: limit, permits: part.permits };
  return part.op === 'rwlock.read' ? { read: part.name } : { write: part.name };
}

function lineOf(part: Part): string {
  return part.op === 'semaphore.acquire' ? 'semaphore/s' : `rwlock/${part.name}`;
}

function inputOf(part: Part) {
  return part.op === 'semaphore.acquire' ? { permits: part.permits, limit } : null;
}

function grantOf(held: Held | undefined) {
  return held === undefined ? null : { fence: held.fence, lease: held.leaseId, key: held.key };
}
