import { abortable, withDeadline } from '../core/abort.js';
import { utf8 } from '../core/bytes.js';
import { type Deferred, deferred } from '../core/deferred.js';
import { ConclaveError } from '../core/errors.js';
import { randomHex } from '../core/runtime.js';
import type { SessionContext } from '../lease/session.js';
import { Doorbell } from '../line/doorbell.js';
import { WatchFilter } from '../store/messages.js';
import { get, modifiedAt, put, rangeAt } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { goneOf } from './gone.js';
import { below, type QueueKeys } from './keys.js';
import { recordOf } from './record.js';
import { duplicatesIn, fits, type NewJob, type QueueEnd, type QueueLimits, readEnd, sizeOf, stepTxn } from './step.js';
import { makerOf, nextTail, type Tail, tailOf } from './tail.js';

/** What became of a job that was to be added. */
export interface Added {
  readonly seq: number;
  /** Whether a job of the same dedupe key was there already: `seq` is that one's. */
  readonly duplicate: boolean;
}

/** Jobs that are added together or not at all, and who waits for it. One with a dedupe key is alone in its batch. */
interface Batch {
  readonly jobs: readonly NewJob[];
  readonly limits: QueueLimits;
  readonly added: Deferred<readonly Added[]>;
  sent: boolean;
}

/** What fits etcd's limits on one request, 128 operations and 1.5 MiB, with room for the tail. */
export const jobsPerStep = 40;
export const kibPerStep = 1024;

/** How long a step is tried before its callers are told that nobody knows. */
const patienceMs = 30_000;

/** How long a producer that waits for room sleeps at most before it looks again. */
const roomAgainMs = 1_000;

/**
 * Adds jobs at the end of the queue, one step after the other: what is asked for while a step is under way goes into
 * the next one.
 */
export class Producer {
  readonly #context: SessionContext;
  readonly #keys: QueueKeys;
  readonly #waiting = new Set<Batch>();
  #end: QueueEnd | undefined;
  #busy = false;
  /** Until the next job has gone, if somebody waits for room. */
  #going: Promise<void> | undefined;

  constructor(context: SessionContext, keys: QueueKeys) {
    this.#context = context;
    this.#keys = keys;
  }

  get busy(): boolean {
    return this.#busy || this.#going !== undefined;
  }

  /** Resolves when the store has the jobs. `limits` are those of whoever adds them. */
  async add(jobs: readonly NewJob[], limits: QueueLimits, signal: AbortSignal): Promise<readonly Added[]> {
    const batch: Batch = { jobs, limits, added: deferred<readonly Added[]>(), sent: false };
    // Nobody may be waiting any more when it fails.
    batch.added.promise.catch(() => {});
    this.#waiting.add(batch);
    void this.#work();
    try {
      return await abortable(batch.added.promise, signal);
    } catch (error) {
      throw batch.sent ? undecided(error) : error;
    } finally {
      this.#waiting.delete(batch);
    }
  }

  /** Waits until a job has gone: one watch for all who wait. */
  room(signal: AbortSignal): Promise<void> {
    this.#going ??= this.#goes().finally(() => {
      this.#going = undefined;
    });
    return abortable(this.#going, signal);
  }

  async #goes(): Promise<void> {
    const { store, runtime } = this.#context;
    const going = { ...below(this.#keys.gone), filters: [WatchFilter.noDelete] };
    const bell = new Doorbell(store, runtime, [going], roomAgainMs);
    try {
      await bell.rings();
    } finally {
      bell.close();
    }
  }

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    // A turn of the microtasks, so that calls of the same moment go together.
    await Promise.resolve();
    for (let batches = this.#nextBatches(); batches.length > 0; batches = this.#nextBatches()) {
      try {
        await withDeadline(this.#context.runtime, 'enqueue', { timeoutMs: patienceMs }, (signal) =>
          this.#addAll(batches, signal),
        );
      } catch (error) {
        this.#end = undefined;
        for (const { added } of batches) added.reject(undecided(error));
      }
    }
    this.#busy = false;
  }

  /** The first that waits, and as many as go with it. */
  #nextBatches(): Batch[] {
    const taken: Batch[] = [];
    const dedupeKeys = new Set<string | undefined>();
    let size = { jobs: 0, kib: 0 };
    for (const batch of this.#waiting) {
      const { jobs, kib } = sizeOf(batch.jobs);
      size = { jobs: size.jobs + jobs, kib: size.kib + kib };
      const dedupe = batch.jobs[0]?.dedupe;
      const clashes = dedupe !== undefined && dedupeKeys.has(dedupe);
      if (taken.length > 0 && (size.jobs > jobsPerStep || size.kib > kibPerStep || clashes)) break;
      dedupeKeys.add(dedupe);
      taken.push(batch);
      this.#waiting.delete(batch);
      batch.sent = true;
    }
    return taken;
  }

  /** Bounded by `signal`: each further round means that somebody else has added something, or had the dedupe key. */
  async #addAll(batches: readonly Batch[], signal: AbortSignal): Promise<void> {
    const maker = this.#newMaker();
    let left = batches;
    while (left.length > 0) {
      const { end, jobs } = await this.#endWithRoom(left, signal);
      left = refuseWhatIsTooMuch(jobs, end);
      if (left.length > 0) left = await this.#tryStep(left, maker, end, signal);
    }
  }

  /**
   * The end as it was seen last, unless that seems full: what is gone since was not seen. Then those whose key another
   * job has are told so, full or not.
   */
  async #endWithRoom(
    batches: readonly Batch[],
    signal: AbortSignal,
  ): Promise<{ readonly end: QueueEnd; readonly jobs: readonly Batch[] }> {
    const jobs = batches.flatMap((batch) => batch.jobs);
    const [seen, size] = [this.#end, sizeOf(jobs)];
    if (seen !== undefined && batches.every(({ limits }) => fits(seen, size, limits)))
      return { end: seen, jobs: batches };
    const { end, there } = await readEnd(this.#context, this.#keys, jobs, signal);
    this.#end = end;
    return { end, jobs: tellDuplicates(batches, there) };
  }

  /** Resolves to what is still to be added. */
  async #tryStep(
    batches: readonly Batch[],
    maker: string,
    end: QueueEnd,
    signal: AbortSignal,
  ): Promise<readonly Batch[]> {
    const { store, runtime } = this.#context;
    const jobs = batches.flatMap((batch) => batch.jobs);
    const request = stepTxn(this.#keys, jobs, maker, end.tail, runtime);
    let isDoubtful = false;
    const txn = await untilAnswered(
      runtime,
      signal,
      () => store.txn(request, { signal }),
      () => {
        isDoubtful = true;
      },
    );
    if (txn.succeeded) {
      const tail = tailOf({ value: utf8(nextTail(end.tail, maker, sizeOf(jobs))), modRevision: txn.header.revision });
      this.#end = { ...end, tail };
      return resolveAll(batches, end.tail.seq);
    }
    const tail = tailOf(rangeAt(txn, 0).kvs[0]);
    this.#end = { tail, gone: goneOf(rangeAt(txn, 1).kvs) };
    if (tail.revision !== end.tail.revision) {
      const by = makerOf(tail, end.tail.step + 1) ?? recordOf(rangeAt(txn, 2).kvs[0]).maker;
      // Never sent without an answer, it is not ours: the end as it was seen last may be of long ago.
      if (by === '' && isDoubtful) throw tooLate();
      if (by === maker) return resolveAll(batches, end.tail.seq);
    } else if (isDoubtful && (await this.#wasMade(tail, maker, signal))) return resolveAll(batches, end.tail.seq);
    return tellDuplicates(batches, duplicatesIn(txn));
  }

  /**
   * Whether `maker` has made the step behind `tail` by now; if nobody has, a step of no jobs is made. One that was
   * refused for a dedupe key, and was sent before without an answer, could be applied yet: when the key is free again,
   * and its caller has long been told of the other job.
   */
  async #wasMade(tail: Tail, maker: string, signal: AbortSignal): Promise<boolean> {
    const { store, runtime } = this.#context;
    const key = this.#keys.tail;
    const request = {
      compare: [modifiedAt(key, tail.revision)],
      success: [put(key, nextTail(tail, this.#newMaker(), sizeOf([])))],
      failure: [get(key)],
    };
    this.#end = undefined;
    const txn = await untilAnswered(runtime, signal, () => store.txn(request, { signal }));
    return !txn.succeeded && makerOf(tailOf(rangeAt(txn, 0).kvs[0]), tail.step + 1) === maker;
  }

  #newMaker(): string {
    return randomHex(this.#context.runtime).slice(0, 8);
  }
}

/** Resolves those whose dedupe key another job has; returns the others. */
function tellDuplicates(batches: readonly Batch[], there: ReadonlyMap<string, number>): readonly Batch[] {
  return batches.filter(({ jobs: [job], added }) => {
    const seq = job?.dedupe === undefined ? undefined : there.get(job.dedupe);
    if (seq !== undefined) added.resolve([{ seq, duplicate: true }]);
    return seq === undefined;
  });
}

function resolveAll(batches: readonly Batch[], before: number): readonly Batch[] {
  let seq = before;
  for (const { jobs, added } of batches) {
    added.resolve(
      jobs.map(() => {
        seq += 1;
        return { seq, duplicate: false };
      }),
    );
  }
  return [];
}

/** Rejects those that do not fit; resolves to the others. */
function refuseWhatIsTooMuch(batches: readonly Batch[], end: QueueEnd): readonly Batch[] {
  let size = { jobs: 0, kib: 0 };
  return batches.filter(({ jobs, limits, added }) => {
    const { jobs: more, kib } = sizeOf(jobs);
    const together = { jobs: size.jobs + more, kib: size.kib + kib };
    if (fits(end, together, limits)) {
      size = together;
      return true;
    }
    const { maxJobs, maxKib } = limits;
    const message = `the queue is full: at most ${maxJobs} jobs and ${maxKib} KiB`;
    added.reject(new ConclaveError('RESOURCE_EXHAUSTED', message, { retryable: true }));
    return false;
  });
}

function tooLate(): ConclaveError {
  const message = 'the answer was lost, and too much has happened since to find out';
  return new ConclaveError('UNAVAILABLE', message, { outcome: 'unknown', retryable: false });
}

/** Out of patience: a request may be applied yet. */
function undecided(error: unknown): unknown {
  if (!ConclaveError.is(error, 'TIMEOUT')) return error;
  return new ConclaveError('TIMEOUT', error.message, { outcome: 'unknown', cause: error });
}
