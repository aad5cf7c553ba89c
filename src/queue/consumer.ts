import { abortable, linkSignals, type WaitOptions, withDeadline } from '../core/abort.js';
import { noBytes, utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { randomHex } from '../core/runtime.js';
import { judge } from '../core/standard-schema.js';
import { onSessionEnd } from '../lease/session.js';
import type { RecipeContext } from '../line/context.js';
import { Doorbell } from '../line/doorbell.js';
import { exclusive } from '../line/exclusive.js';
import { leave } from '../line/leave.js';
import { Line, lookAgainMs, type Turn } from '../line/line.js';
import { deletionOf } from '../line/rule.js';
import { follow } from '../store/follow.js';
import { WatchFilter } from '../store/messages.js';
import { remove } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { type Candidate, type ClaimSite, claimFirst } from './claim.js';
import { Job } from './job.js';
import { keepQueue } from './keeper.js';
import { below } from './keys.js';
import { misfit } from './payload.js';
import { recordOf } from './record.js';
import { openSlot, type Slot } from './slot.js';

/**
 * Takes jobs out of a queue, on one session. While it is open it also stands ready to keep the queue. Made by
 * `Queue.consumer()`; over with its session, or with `close()`, which gives back what was not settled.
 */
export class Consumer<T> implements AsyncDisposable {
  readonly #site: ClaimSite;
  readonly #context: RecipeContext;
  readonly #slotPrefix: string;
  readonly #ended = new AbortController();
  readonly #free = new Set<Slot>();
  readonly #inHand = new Map<string, Job<T>>();
  readonly #cleanups: (() => void)[] = [];
  readonly #keeping: Promise<void>;
  #known: readonly Candidate[] = [];
  #slots = 0;
  /** One take at a time: those of one consumer would only be in each other's way. */
  #taking: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  /** @internal Its session is open. */
  constructor(context: RecipeContext, site: ClaimSite) {
    this.#context = context;
    this.#site = site;
    this.#slotPrefix = `${site.keys.slots}${site.session.leaseId.toString(16)}.${randomHex(context.runtime)}.`;
    this.#cleanups.push(onSessionEnd(site.session, (error) => this.#end(error)));
    this.#cleanups.push(this.#followSlots());
    this.#keeping = keepQueue(site, this.#ended.signal).catch((error: unknown) => this.#end(error));
  }

  /** Aborts when it takes no more jobs: closed, its session lost, or refused by the store. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /**
   * Waits for a job and claims it.
   * @throws `signal.reason` itself; ConclaveError `TIMEOUT`, `SESSION_LOST`, `CLOSED`. A job that was claimed
   * meanwhile is given back.
   */
  take(options: WaitOptions = {}): Promise<Job<T>> {
    return withDeadline(this.#context.runtime, 'take', options, async (signal) => {
      const either = linkSignals(signal, this.#ended.signal);
      const before = this.#taking;
      const taken = before.then(() => this.#takeNext(either.signal));
      this.#taking = taken.catch(() => {});
      try {
        return await abortable(taken, either.signal);
      } finally {
        either.unlink();
      }
    });
  }

  /** Gives back every job in hand and every slot. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Looks, and unless there is a job waits for its turn in the idle line, looks again, and sleeps. */
  async #takeNext(signal: AbortSignal): Promise<Job<T>> {
    signal.throwIfAborted();
    const [slot = await this.#openSlot()] = this.#free;
    this.#free.delete(slot);
    const before = slot.revision;
    let slotLost = false;
    try {
      let job = await this.#claim(slot, undefined, signal);
      // Bounded by `signal`.
      while (job === undefined) job = await this.#claimIdle(slot, signal);
      // A job that was dropped on the way has freed it.
      this.#free.delete(slot);
      return job;
    } catch (error) {
      slotLost = ConclaveError.is(error, 'LOST');
      throw error;
    } finally {
      if (slot.revision === before && !slotLost) this.#free.add(slot);
    }
  }

  /** One turn in the idle line, until a job was claimed or the place in the line is gone. */
  async #claimIdle(slot: Slot, signal: AbortSignal): Promise<Job<T> | undefined> {
    const { session, keys } = this.#site;
    const line = new Line(this.#context, session, exclusive(keys.idle));
    const turn = await line.join(noBytes, signal).catch((error: unknown) => {
      if (!ConclaveError.is(error, 'LOST')) throw error;
    });
    if (turn === undefined) return undefined;
    let job: Job<T> | undefined;
    try {
      // Bounded by `signal`.
      while (job === undefined) job = await this.#claimAtRing(slot, turn, signal);
      return job;
    } finally {
      // The claim has taken the place away.
      if (job === undefined) await leave(this.#context, session, turn.key, turn.fence);
    }
  }

  async #claimAtRing(slot: Slot, turn: Turn, signal: AbortSignal): Promise<Job<T> | undefined> {
    const { store, runtime } = this.#context;
    const { ready, paused } = this.#site.keys;
    const comes = { ...below(ready), filters: [WatchFilter.noDelete] };
    const bell = new Doorbell(store, runtime, [comes, deletionOf(utf8(paused))], lookAgainMs);
    try {
      // The watch comes first: what happens after the look rings.
      await abortable(bell.armed, signal);
      const job = await this.#claim(slot, turn, signal);
      if (job !== undefined) return job;
      await abortable(bell.rings(), signal);
    } finally {
      bell.close();
    }
    return this.#claim(slot, turn, signal);
  }

  /** A claim is carried through, whatever the caller's patience: what it has given is then given back. */
  async #claim(slot: Slot, turn: Turn | undefined, signal: AbortSignal): Promise<Job<T> | undefined> {
    const idle = turn === undefined ? undefined : utf8Text(turn.key);
    const claim = await claimFirst(this.#site, slot, this.#known, idle);
    this.#known = claim?.next ?? [];
    if (claim === undefined) {
      signal.throwIfAborted();
      return undefined;
    }
    const { payload } = recordOf(claim.job);
    const verdict = await judge(this.#site.settings.schema, payload);
    const value = 'value' in verdict ? verdict.value : payload;
    const job = new Job<T>(this.#site, slot, claim, value, () => this.#over(slot, job));
    this.#inHand.set(slot.key, job);
    if (claim.job === undefined || 'issues' in verdict) {
      await ('issues' in verdict && claim.job !== undefined ? job.dead(misfit(verdict.issues)) : job.drop());
      return this.#claim(slot, turn, signal);
    }
    // The answer may have been read after the deadline, by a process that was stopped: another may have the job by now.
    if (this.#site.session.alive && !signal.aborted) return job;
    await job.giveBack();
    throw signal.reason;
  }

  #over(slot: Slot, job: Job<T>): void {
    this.#inHand.delete(slot.key);
    // A slot whose fate is not known is left to the lease.
    if (job.settled && slot.revision !== job.fence) this.#free.add(slot);
  }

  #openSlot(): Promise<Slot> {
    this.#slots += 1;
    return openSlot(this.#context, this.#site.session, `${this.#slotPrefix}${this.#slots}`);
  }

  /** Tells the jobs in hand whose slot was deleted: the lease was revoked early, or somebody took the job away. */
  #followSlots(): () => void {
    const { store, runtime } = this.#context;
    const spec = { ...below(this.#slotPrefix), filters: [WatchFilter.noPut], lane: 'control' } as const;
    return follow(store, runtime, spec, {
      onSnapshot: (kvs, revision) => {
        const there = new Set(kvs.map(({ key }) => utf8Text(key)));
        for (const [key, job] of this.#inHand) {
          if (!there.has(key) && job.fence <= revision) this.#slotGone(key);
        }
      },
      onEvents: (events) => {
        for (const { kv } of events) this.#slotGone(utf8Text(kv.key));
      },
      // The session's deadline is left to tell.
      onEnd: () => {},
    });
  }

  #slotGone(key: string): void {
    this.#inHand.get(key)?.lost();
    void this.#site.session.verify();
  }

  #end(reason: unknown): void {
    for (const cleanup of this.#cleanups.splice(0)) cleanup();
    this.#ended.abort(reason);
  }

  async #close(): Promise<void> {
    this.#end(new ConclaveError('CLOSED', 'the consumer was closed'));
    await this.#taking;
    const unsettled = [...this.#inHand.values()].map((job) => job.giveBack());
    await Promise.all(unsettled.map((each) => each.catch(() => {})));
    await this.#removeSlots();
    await this.#keeping;
  }

  /** Their nonce makes them nobody else's. */
  async #removeSlots(): Promise<void> {
    const { store, runtime } = this.#context;
    const { key, rangeEnd } = below(this.#slotPrefix);
    const request = { success: [remove(key, { rangeEnd })] };
    try {
      await untilAnswered(runtime, this.#site.session.signal, () => store.txn(request));
    } catch (error) {
      // The session is over, and they go with it.
      if (!ConclaveError.is(error)) throw error;
    }
  }
}
