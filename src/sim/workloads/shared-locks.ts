import { pause } from '../../core/abort.js';
import { utf8 } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import type { Revision } from '../../engine/key-record.js';
import type { HoldOptions } from '../../line/context.js';
import type { Held, LockHeld } from '../../line/held.js';
import { lockAll } from '../../lock-all/lock-all.js';
import { RwLock } from '../../rwlock/rw-lock.js';
import { Semaphore } from '../../semaphore/semaphore.js';
import { fenceGrowth } from '../checkers/fence-growth.js';
import { heldInTime } from '../checkers/held-in-time.js';
import { inTurn } from '../checkers/in-turn.js';
import { leaseNotEarly } from '../checkers/lease-not-early.js';
import { noHangingPromise } from '../checkers/no-hanging-promise.js';
import { nothingLeft } from '../checkers/nothing-left.js';
import { permitsGiven } from '../checkers/permits-given.js';
import { rwlock } from '../checkers/rwlock.js';
import { semaphore } from '../checkers/semaphore.js';
import type { Pending } from '../history.js';
import type { Json } from '../plan.js';
import type { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import type { SimServer } from '../sim-server.js';
import type { Stage, Workload } from '../workload.js';
import { expectFailure, untilGivesUp } from './expected-errors.js';
import { HeldSamples } from './held-samples.js';
import { LineTruth } from './line-truth.js';
import { entryOf, grantOf, inputOf, type LockPart, lineOf, permitsInAll } from './lock-parts.js';

/** One turn of a task. */
type Operation = Turn | PermitChange;

/** Sets how many permits there are. */
interface PermitChange {
  readonly idleMs: number;
  readonly setsPermits: number;
}

/** One part is taken by itself, several by `lockAll`. */
interface Turn {
  readonly parts: readonly LockPart[];
  readonly tries: boolean;
  readonly downgrades: boolean;
  readonly idleMs: number;
  readonly workMs: number;
  readonly timeoutMs: number | null;
  readonly abortAfterMs: number | null;
}

/** How often a turn changes the number of permits, if any does, and to what. */
interface Changes {
  readonly chance: number;
  readonly least: number;
  readonly most: number;
}

/** Where there may be fewer permits than anybody wants, nobody waits for ever. */
const noChanges: Changes = { chance: 0, least: permitsInAll, most: permitsInAll };
const more: Changes = { chance: 0.2, least: permitsInAll, most: 6 };
const moreOrFewer: Changes = { chance: 0.2, least: 0, most: 6 };

/** Readers, writers that read on, permits, and all of them at once. */
export const sharedLocksWorkload: Workload = {
  name: 'shared-locks',
  recordsKv: false,
  hasWatchers: false,
  // How many permits a semaphore has stays.
  keeps: (key) => key === 'semaphores/s/declared' || key === 'semaphores/s/permits',
  checkers: [
    inTurn,
    rwlock,
    semaphore,
    permitsGiven,
    fenceGrowth,
    heldInTime,
    leaseNotEarly,
    noHangingPromise,
    nothingLeft,
  ],
  draw: (random, clients) => {
    const kinds = random.pick([['rwlock'], ['semaphore'], ['rwlock', 'semaphore', 'all']] as const);
    const tasks = random.pick([1, 1, 2]);
    const turns = random.pick([1, 2, 3]);
    const changes = random.pick([noChanges, noChanges, more, moreOrFewer]);
    const draw = () => drawOperation(random, random.pick(kinds), changes);
    return Array.from({ length: clients }, () =>
      Array.from({ length: tasks }, () => Array.from({ length: turns }, draw)),
    );
  },
  stage: () => new SharedLocksStage(),
};

function drawOperation(random: Prng, kind: 'rwlock' | 'semaphore' | 'all', changes: Changes) {
  if (kind === 'rwlock' || !random.chance(changes.chance)) return drawTurn(random, kind, changes);
  const { least, most } = changes;
  return { idleMs: Math.round(random.between(0, 1500)), setsPermits: least + random.below(most - least + 1) };
}

function drawTurn(random: Prng, kind: 'rwlock' | 'semaphore' | 'all', { least }: Changes) {
  const lock = (name: string): LockPart => ({ op: random.pick(['rwlock.read', 'rwlock.write'] as const), name });
  const mayNotFit = kind !== 'rwlock' && least < permitsInAll;
  const permits: LockPart = {
    op: 'semaphore.acquire',
    permits: 1 + random.below(mayNotFit ? permitsInAll + 2 : permitsInAll),
  };
  const parts = { rwlock: [lock('x')], semaphore: [permits], all: [lock('y'), permits, lock('x')] }[kind];
  // Callers have orders of their own; `lockAll` has one.
  const given = random.chance(0.5) ? parts : [...parts].reverse();
  return {
    parts: given,
    tries: random.chance(0.25),
    downgrades: random.chance(0.5),
    idleMs: Math.round(random.between(0, random.pick([10, 500]))),
    workMs: Math.round(random.between(0, random.pick([5, 300, 3000]))),
    timeoutMs: mayNotFit || random.chance(0.3) ? Math.round(random.between(0, 3000)) : null,
    abortAfterMs: random.chance(0.25) ? Math.round(random.between(0, 3000)) : null,
  };
}

class SharedLocksStage implements Stage {
  readonly #samples = new HeldSamples();
  readonly #truths = [
    new LineTruth('semaphore/s', utf8('semaphores/s/'), permitsInAll),
    ...['x', 'y'].map((name) => new LineTruth(`rwlock/${name}`, utf8(`locks/${name}/`))),
  ];

  changed(server: SimServer, revision: Revision): void {
    for (const truth of this.#truths) truth.look(server, revision);
  }

  look(): void {
    this.#samples.look();
  }

  async perform(client: SimClient, operation: Json): Promise<void> {
    const turn = operation as unknown as Operation;
    await pause(client.process, turn.idleMs);
    if ('setsPermits' in turn) return setPermits(client, turn.setsPermits);
    const { abortAfterMs, timeoutMs } = turn;
    await untilGivesUp(client.process, abortAfterMs, (signal) =>
      this.#turn(client, turn, { signal, ...(timeoutMs !== null && { timeoutMs }) }),
    );
  }

  async #turn(client: SimClient, turn: Turn, options: HoldOptions): Promise<void> {
    const { recorder, name } = client;
    const pending = turn.parts.map((part) => recorder.invoke(name, lineOf(part), part.op, inputOf(part) as never));
    let whole: Taken | null;
    try {
      whole = await take(client, turn, options);
    } catch (error) {
      for (const each of pending) each.fail(error);
      if (!(wantsMore(turn) && ConclaveError.is(error, 'INVALID_ARGUMENT'))) expectFailure(error);
      return;
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
    const s = new Semaphore(context, 's', { permits: permitsInAll });
    const wish = { ...options, permits: first.permits };
    const held = tries ? await s.tryAcquire(wish) : await s.acquire(wish);
    return held && { parts: [held], release: () => held.release() };
  }
  const lock = new RwLock(context, first.name);
  const [reads, writes] = tries ? (['tryRead', 'tryWrite'] as const) : (['read', 'write'] as const);
  const held = await lock[first.op === 'rwlock.read' ? reads : writes](options);
  return held && { parts: [held], lock: held, release: () => held.release() };
}

async function setPermits({ context, recorder, name }: SimClient, permits: number): Promise<void> {
  const pending = recorder.invoke(name, 'semaphore/s', 'semaphore.setPermits', { permits });
  await settle([pending], () => new Semaphore(context, 's', { permits: permitsInAll }).setPermits(permits));
}

/** More permits than are declared are refused while there are not so many. */
function wantsMore({ parts }: Turn): boolean {
  return parts.some((part) => part.op === 'semaphore.acquire' && part.permits > permitsInAll);
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
