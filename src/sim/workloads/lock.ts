import { pause } from '../../core/abort.js';
import { utf8, utf8Text } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import type { Held } from '../../line/held.js';
import type { AcquireOptions } from '../../line/context.js';
import { Mutex } from '../../lock/mutex.js';
import { put, putAt, rangeAt } from '../../store/ops.js';
import { fenceGrowth } from '../checkers/fence-growth.js';
import { guardedWrites } from '../checkers/guarded-writes.js';
import { heldInTime } from '../checkers/held-in-time.js';
import { leaseNotEarly } from '../checkers/lease-not-early.js';
import { mutualExclusion } from '../checkers/mutual-exclusion.js';
import { noHangingPromise } from '../checkers/no-hanging-promise.js';
import { nothingLeft } from '../checkers/nothing-left.js';
import type { Json, Plan } from '../plan.js';
import { Prng } from '../prng.js';
import type { SimClient } from '../sim-client.js';
import type { Stage, Workload } from '../workload.js';
import { HeldSamples } from './held-samples.js';
import { OutsideStore } from './outside-store.js';

/** One turn of a task with a lock. */
type LockOperation = {
  readonly how: 'lock' | 'tryLock' | 'withLock';
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
  /** A second lock that is taken under the first; always one of a higher name, so that nobody waits in a circle. */
  readonly inner: string | null;
};

/**
 * Locks, with writes that must be lost by nobody: guarded increments on etcd, and an outside store that is shown the fence with
 * reads and writes.
 */
export const lockWorkload: Workload = {
  name: 'lock',
  recordsChanges: false,
  keeps: (key) => key.startsWith('data/'),
  checkers: [mutualExclusion, fenceGrowth, guardedWrites, heldInTime, leaseNotEarly, noHangingPromise, nothingLeft],
  draw: (random, clients) => {
    const names = random.pick([['a'], ['a'], ['a', 'b'], ['a/b', 'a']] as const);
    const tasks = random.pick([1, 1, 2]);
    const turns = random.pick([2, 3, 5]);
    return Array.from({ length: clients }, () =>
      Array.from({ length: tasks }, () => Array.from({ length: turns }, () => drawOperation(random, names))),
    );
  },
  stage: (plan) => new LockStage(plan),
};

function drawOperation(random: Prng, names: readonly string[]): LockOperation {
  const name = random.pick(names);
  const higher = names.slice(names.indexOf(name) + 1);
  return {
    how: random.pick(['lock', 'lock', 'tryLock', 'withLock'] as const),
    name,
    idleMs: Math.round(random.between(0, random.pick([10, 500]))),
    workMs: Math.round(random.between(0, random.pick([5, 300, 3000]))),
    writes: random.pick(['etcd', 'outside', 'none'] as const),
    careful: random.chance(0.5),
    timeoutMs: random.chance(0.25) ? Math.round(random.between(0, 3000)) : null,
    abortAfterMs: random.chance(0.15) ? Math.round(random.between(0, 3000)) : null,
    inner: higher.length > 0 && random.chance(0.3) ? random.pick(higher) : null,
  };
}

class LockStage implements Stage {
  readonly #samples = new HeldSamples();
  readonly #outside: OutsideStore;
  #lastValue = 0;

  constructor(plan: Plan) {
    this.#outside = new OutsideStore(new Prng(plan.seed + 0.5 * 2 ** 40));
  }

  look(): void {
    this.#samples.look();
  }

  async perform(client: SimClient, operation: Json): Promise<void> {
    const turn = operation as unknown as LockOperation;
    await pause(client.process, turn.idleMs);
    const aborts = new AbortController();
    const { abortAfterMs, timeoutMs } = turn;
    const stopTimer =
      abortAfterMs === null ? () => {} : client.process.setTimer(abortAfterMs, () => aborts.abort(new Error('gave up')));
    const options = { signal: aborts.signal, ...(timeoutMs !== null && { timeoutMs }) };
    try {
      if (turn.how === 'withLock') await this.#withLock(client, turn, options);
      else await this.#acquireAndWork(client, turn, options);
    } finally {
      stopTimer();
    }
  }

  async #acquireAndWork(client: SimClient, turn: LockOperation, options: AcquireOptions): Promise<void> {
    const held = await this.#acquire(client, turn.name, turn.how, options);
    if (held === null) return;
    const over = this.#watch(client, turn.name, held);
    await this.#work(client, turn, held);
    over();
    await this.#release(client, turn.name, held);
  }

  async #withLock(client: SimClient, turn: LockOperation, options: AcquireOptions): Promise<void> {
    const line = `lock/${turn.name}`;
    const pending = client.recorder.invoke(client.name, line, 'lock.acquire', null);
    let entered = false;
    let over = () => {};
    try {
      await new Mutex(client.context, turn.name).withLock(options, async (held) => {
        entered = true;
        pending.ok({ fence: held.fence, lease: held.leaseId, key: held.key });
        over = this.#watch(client, turn.name, held);
        await this.#work(client, turn, held);
        over();
        // What comes now is the release.
        client.recorder.invoke(client.name, line, 'release', { fence: held.fence }).ok(null);
      });
    } catch (error) {
      if (!entered) pending.fail(error);
      expectCodes(error);
    }
  }

  async #acquire(
    client: SimClient,
    name: string,
    how: LockOperation['how'],
    options: AcquireOptions,
  ): Promise<Held | null> {
    const mutex = new Mutex(client.context, name);
    const pending = client.recorder.invoke(client.name, `lock/${name}`, 'lock.acquire', null);
    try {
      const held = how === 'tryLock' ? await mutex.tryLock(options) : await mutex.lock(options);
      pending.ok(held === null ? null : { fence: held.fence, lease: held.leaseId, key: held.key });
      return held;
    } catch (error) {
      // Whatever went wrong, it must have left nothing behind.
      pending.fail(error);
      expectCodes(error);
      return null;
    }
  }

  async #release(client: SimClient, name: string, held: Held): Promise<void> {
    const pending = client.recorder.invoke(client.name, `lock/${name}`, 'release', { fence: held.fence });
    try {
      await held.release();
      pending.ok(null);
    } catch (error) {
      pending.threw(error);
      expectCodes(error);
    }
  }

  /** Samples `held` until the work is over, and writes down a loss. */
  #watch(client: SimClient, name: string, held: Held): () => void {
    const line = `lock/${name}`;
    const onLoss = () => {
      const reason = String((held.signal.reason as Error | undefined)?.message);
      client.recorder.note(client.name, line, 'lost', { fence: held.fence, lease: held.leaseId, reason });
    };
    const stopSamples = this.#samples.add(client, line, held);
    if (held.signal.aborted) onLoss();
    else held.signal.addEventListener('abort', onLoss, { once: true });
    return () => {
      stopSamples();
      held.signal.removeEventListener('abort', onLoss);
    };
  }

  async #work(client: SimClient, turn: LockOperation, held: Held): Promise<void> {
    await pause(client.process, turn.workMs / 2);
    if (turn.inner !== null) await this.#nested(client, turn.inner);
    if (!turn.careful || held.held) {
      if (turn.writes === 'etcd') await this.#writeEtcd(client, turn, held);
      if (turn.writes === 'outside') await this.#writeOutside(client, turn, held);
    }
    await pause(client.process, turn.workMs / 2);
  }

  async #nested(client: SimClient, name: string): Promise<void> {
    const held = await this.#acquire(client, name, 'lock', {});
    if (held === null) return;
    const over = this.#watch(client, name, held);
    over();
    await this.#release(client, name, held);
  }

  async #writeEtcd(client: SimClient, turn: LockOperation, held: Held): Promise<void> {
    const key = `data/${turn.name}`;
    const saw = await read(client, key);
    if (saw === undefined) return;
    const wrote = this.#newValue(client);
    const pending = client.recorder.invoke(client.name, key, 'guarded.write', {
      line: `lock/${turn.name}`,
      fence: held.fence,
      saw,
      wrote,
    });
    try {
      const txn = await client.store.txn({ compare: [held.guard()], success: [put(key, wrote)] });
      if (txn.succeeded) putAt(txn, 0);
      pending.ok({ applied: txn.succeeded, ...(txn.succeeded && { position: txn.header.revision }) });
    } catch (error) {
      pending.threw(error);
      expectCodes(error);
    }
  }

  async #writeOutside(client: SimClient, turn: LockOperation, held: Held): Promise<void> {
    const object = `outside/${turn.name}`;
    const seen = await this.#outside.read(client, object, held.fence);
    if (seen.refused) return;
    await pause(client.process, turn.workMs / 4);
    if (turn.careful && !held.held) return;
    const wrote = this.#newValue(client);
    const input = { line: `lock/${turn.name}`, fence: held.fence, saw: seen.value, wrote, outside: true };
    const pending = client.recorder.invoke(client.name, object, 'guarded.write', input);
    const written = await this.#outside.write(client, object, held.fence, wrote);
    pending.ok(written.refused ? { applied: false } : { applied: true, position: written.value });
  }

  #newValue(client: SimClient): string {
    this.#lastValue += 1;
    return `${client.name}.${this.#lastValue}`;
  }
}

/** The value of `key`, empty if it has none; undefined if it could not be read. */
async function read(client: SimClient, key: string): Promise<string | undefined> {
  try {
    const txn = await client.store.txn({ success: [{ type: 'range', request: { key: utf8(key) } }] });
    const kv = rangeAt(txn, 0).kvs[0];
    return kv === undefined ? '' : utf8Text(kv.value);
  } catch (error) {
    expectCodes(error);
    return undefined;
  }
}

/** What a lock may fail with; anything else is a bug. */
function expectCodes(error: unknown): void {
  if (error instanceof Error && error.message === 'gave up') return;
  if (ConclaveError.is(error, 'TIMEOUT', 'UNAVAILABLE', 'SESSION_LOST', 'LOST', 'CLOSED')) return;
  throw error;
}
