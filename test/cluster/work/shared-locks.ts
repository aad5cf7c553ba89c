import type { Held, HeldAll, LockHeld } from '../../../src/line/held.js';
import type { Pending } from '../../../src/sim/history.js';
import type { Grant } from '../../../src/sim/vocabulary.js';
import {
  entryOf,
  grantOf,
  inputOf,
  type LockPart,
  lineOf,
  permitsInAll,
} from '../../../src/sim/workloads/lock-parts.js';
import { monotonicMs, sleep } from '../clock.js';
import { addOne, tellHolding } from './guarded-write.js';
import { type Client, expectError, type Holding, type Work, watchHeld } from './work.js';

/** One of the lines that are held. */
type PartHeld = Holding & Pick<Held, 'key' | 'guard'>;

interface Taken {
  readonly parts: readonly PartHeld[];
  readonly lock?: LockHeld;
  release(): Promise<void>;
}

const acquireTimeoutMs = 8000;
/**
 * Readers, writers that read on, permits, and all of them by `lockAll`; writers add one to the counter of their lock.
 */
export const sharedLocksWork: Work = {
  run: async (client) => {
    let turn = 0;
    // Bounded by the suite, which tells when to finish.
    while (!client.finishing.aborted) {
      turn += 1;
      await oneTurn(client, drawParts(client), `${client.name}.${turn}`);
    }
  },
};

function drawParts({ config, random }: Client): readonly LockPart[] {
  const [x, y] = config.names as readonly [string, string];
  const permits: LockPart = { op: 'semaphore.acquire', permits: 1 + random.below(permitsInAll) };
  if (random.chance(0.2)) return [permits];
  const write: LockPart = { op: 'rwlock.write', name: x };
  // Everybody names them in an order of their own; `lockAll` has one.
  if (random.chance(0.2))
    return random.pick([[{ op: 'rwlock.write', name: y }, permits, write] as const, [write, permits]]);
  return [random.chance(0.6) ? write : { op: 'rwlock.read', name: x }];
}

async function oneTurn(client: Client, parts: readonly LockPart[], turn: string): Promise<void> {
  const lines = parts.map(lineOf);
  const taken = await acquire(client, parts);
  if (taken === undefined) return sleep(client.random.between(20, 100));
  const overs = taken.parts.map((held, i) => watchHeld(client, lines[i] as string, held));
  for (const [i, part] of parts.entries()) await use(client, part, taken.parts[i] as PartHeld, `${turn}.${i}`);
  if (taken.lock?.mode === 'write' && client.random.chance(0.3))
    await downgrade(client, lines[0] as string, taken.lock);
  for (const over of overs) over();
  client.tell({ type: 'progress', holding: null });
  const fences = taken.parts.map(({ fence }) => fence);
  const releases = lines.map((line, i) =>
    client.recorder.invoke(client.name, line, 'release', { fence: fences[i] as bigint }),
  );
  await settled(client, releases, () => taken.release());
}

/** A writer writes; whoever else there is stays for a while. */
async function use(client: Client, part: LockPart, held: PartHeld, turn: string): Promise<void> {
  const line = lineOf(part);
  if (part.op === 'rwlock.write') return addOne(client, part.name, line, held, turn);
  // Those who break the rules are to be stopped while they write.
  const long = client.config.variant === 'sound' && client.random.chance(0.1);
  if (long) tellHolding(client, line);
  await sleep(long ? client.random.between(20, 60) : client.random.between(0, 6));
}

async function acquire(client: Client, parts: readonly LockPart[]): Promise<Taken | undefined> {
  const { recorder, name, tape } = client;
  const pending = parts.map((part) => recorder.invoke(name, lineOf(part), part.op, inputOf(part) as never));
  try {
    const taken = await take(client, parts);
    const atMs = monotonicMs();
    // It may be over by the time that this process is told of it: then it was never a holder.
    const still = taken.parts.every(({ held }) => held);
    tape.at(atMs, () => {
      for (const [i, each] of pending.entries()) each.ok(still ? grantOf(taken.parts[i]) : null);
    });
    return still ? taken : undefined;
  } catch (error) {
    for (const each of pending) each.fail(error);
    if (!client.finishing.aborted) expectError(client, error);
    return undefined;
  }
}

async function take({ conclave, finishing }: Client, parts: readonly LockPart[]): Promise<Taken> {
  const options = { timeoutMs: acquireTimeoutMs, signal: finishing };
  const [first] = parts as readonly [LockPart];
  if (parts.length > 1) {
    const all = await conclave.lockAll(parts.map(entryOf), options);
    return { parts: all.parts.map((part) => new PartOfAll(all, part)), release: () => all.release() };
  }
  if (first.op === 'semaphore.acquire') {
    const held = await conclave
      .semaphore('s', { permits: permitsInAll })
      .acquire({ ...options, permits: first.permits });
    return { parts: [held], release: () => held.release() };
  }
  const lock = conclave.rwLock(first.name);
  const held = await (first.op === 'rwlock.read' ? lock.read(options) : lock.write(options));
  return { parts: [held], lock: held, release: () => held.release() };
}

/** One of several that are held together, seen as if it were held alone. */
class PartOfAll implements PartHeld {
  readonly key: string;
  readonly fence: bigint;
  readonly #all: HeldAll;
  readonly #part: HeldAll['parts'][number];

  constructor(all: HeldAll, part: HeldAll['parts'][number]) {
    this.key = part.key;
    this.fence = part.fence;
    this.#all = all;
    this.#part = part;
  }

  get leaseId(): bigint {
    return this.#all.leaseId;
  }

  get held(): boolean {
    return this.#all.held;
  }

  get remainingMs(): number {
    return this.#all.remainingMs;
  }

  get signal(): AbortSignal {
    return this.#all.signal;
  }

  guard(): ReturnType<Held['guard']> {
    return this.#part.guard();
  }
}

async function downgrade(client: Client, line: string, held: LockHeld): Promise<void> {
  const pending = client.recorder.invoke(client.name, line, 'rwlock.downgrade', { fence: held.fence });
  try {
    await held.downgrade();
    pending.ok(grantOf(held) as Grant);
    await sleep(client.random.between(0, 6));
  } catch (error) {
    pending.threw(error);
    expectError(client, error);
  }
}

async function settled(client: Client, pending: readonly Pending[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
    for (const each of pending) each.ok(null);
  } catch (error) {
    for (const each of pending) each.threw(error);
    expectError(client, error);
  }
}
