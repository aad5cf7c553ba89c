import { abortable, withDeadline } from '../core/abort.js';
import { type Deferred, deferred } from '../core/deferred.js';
import { ConclaveError } from '../core/errors.js';
import { type Runtime, randomHex } from '../core/runtime.js';
import type { SessionContext } from '../lease/session.js';
import type { TxnRequest } from '../store/messages.js';
import { bytesOf, get, modifiedAt, put, rangeAt } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import type { QueueKeys } from './keys.js';
import { encodeRecord, recordOf } from './record.js';
import { makerOf, nextTail, type Tail, tailOf } from './tail.js';
import { encodeTicket, type Ticket } from './ticket.js';

/** A job that has no number yet. */
export interface NewJob {
  /** As JSON. */
  readonly payload: string;
  readonly priority: number;
  readonly kib: number;
}

/** Jobs that are added together or not at all, and who waits for it. */
interface Batch {
  readonly jobs: readonly NewJob[];
  /** Their numbers. */
  readonly added: Deferred<readonly number[]>;
  sent: boolean;
}

/** etcd's limits on one request, with room for the tail: 128 operations, 1.5 MiB. */
export const jobsPerStep = 60;
const kibPerStep = 1024;

/** How long a step is tried before its callers are told that nobody knows. */
const patienceMs = 30_000;

/**
 * Adds jobs at the tail of the queue, one step after the other: what is asked for while a step is under way goes into
 * the next one.
 */
export class Producer {
  readonly #context: SessionContext;
  readonly #keys: QueueKeys;
  readonly #waiting = new Set<Batch>();
  #tail: Tail | undefined;
  #busy = false;

  constructor(context: SessionContext, keys: QueueKeys) {
    this.#context = context;
    this.#keys = keys;
  }

  /** Resolves to the jobs' numbers when the store has them. */
  async add(jobs: readonly NewJob[], signal: AbortSignal): Promise<readonly number[]> {
    const batch: Batch = { jobs, added: deferred<readonly number[]>(), sent: false };
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

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    // A turn of the microtasks, so that calls of the same moment go together.
    await Promise.resolve();
    for (let batches = this.#nextBatches(); batches.length > 0; batches = this.#nextBatches()) {
      try {
        await this.#addAll(batches);
      } catch (error) {
        for (const { added } of batches) added.reject(error);
      }
    }
    this.#busy = false;
  }

  /** The first that waits, and as many as go with it. */
  #nextBatches(): Batch[] {
    const taken: Batch[] = [];
    let count = 0;
    let kib = 0;
    for (const batch of this.#waiting) {
      count += batch.jobs.length;
      kib += batch.jobs.reduce((sum, job) => sum + job.kib, 0);
      if (taken.length > 0 && (count > jobsPerStep || kib > kibPerStep)) break;
      taken.push(batch);
      this.#waiting.delete(batch);
      batch.sent = true;
    }
    return taken;
  }

  async #addAll(batches: readonly Batch[]): Promise<void> {
    const jobs = batches.flatMap((batch) => batch.jobs);
    let seq = (await this.#step(jobs)) + 1;
    for (const batch of batches) {
      batch.added.resolve(batch.jobs.map(() => seq++));
    }
  }

  /** Resolves to the number of the last job before these. */
  #step(jobs: readonly NewJob[]): Promise<number> {
    const { runtime } = this.#context;
    return withDeadline(runtime, 'enqueue', { timeoutMs: patienceMs }, async (signal) => {
      const maker = randomHex(runtime).slice(0, 8);
      let tail = this.#tail ?? (await this.#readTail(signal));
      // Bounded by `signal`; each further round means that somebody else has added something.
      for (;;) {
        const found = await this.#tryStep(jobs, maker, tail, signal);
        this.#tail = found.tail;
        if (found.done) return tail.seq;
        tail = found.tail;
      }
    }).catch((error: unknown) => {
      this.#tail = undefined;
      throw undecided(error);
    });
  }

  async #tryStep(
    jobs: readonly NewJob[],
    maker: string,
    tail: Tail,
    signal: AbortSignal,
  ): Promise<{ readonly done: boolean; readonly tail: Tail }> {
    const { store, runtime } = this.#context;
    const request = stepTxn(this.#keys, jobs, maker, tail, runtime);
    const txn = await untilAnswered(runtime, signal, () => store.txn(request, { signal }));
    if (txn.succeeded) {
      const value = { value: bytesOf(nextTail(tail, maker, sizeOf(jobs))), modRevision: txn.header.revision };
      return { done: true, tail: tailOf(value) };
    }
    const now = tailOf(rangeAt(txn, 0).kvs[0]);
    const by = makerOf(now, tail.step + 1) ?? recordOf(rangeAt(txn, 1).kvs[0]).maker;
    if (by === '') {
      const message = 'the answer was lost, and too much has happened since to find out';
      throw new ConclaveError('UNAVAILABLE', message, { outcome: 'unknown', retryable: false });
    }
    return { done: by === maker, tail: now };
  }

  async #readTail(signal: AbortSignal): Promise<Tail> {
    const { store, runtime } = this.#context;
    const key = bytesOf(this.#keys.tail);
    return tailOf((await untilAnswered(runtime, signal, () => store.range({ key }, { signal }))).kvs[0]);
  }
}

/** Guarded by the tail as it was: that can be true once only, however often the request arrives. */
function stepTxn(keys: QueueKeys, jobs: readonly NewJob[], maker: string, tail: Tail, runtime: Runtime): TxnRequest {
  const enqueuedMs = Math.round(runtime.clocks().wallMs);
  const puts = jobs.flatMap(({ payload, priority, kib }, i) => {
    const ticket: Ticket = { seq: tail.seq + 1 + i, priority, attempts: 0, kib };
    const record = encodeRecord(payload, { enqueuedMs, maker });
    return [put(keys.job(ticket.seq), record), put(keys.readyOf(ticket), encodeTicket(ticket))];
  });
  return {
    compare: [modifiedAt(keys.tail, tail.revision)],
    success: [put(keys.tail, nextTail(tail, maker, sizeOf(jobs))), ...puts],
    failure: [get(keys.tail), get(keys.job(tail.seq + 1))],
  };
}

function sizeOf(jobs: readonly NewJob[]): { jobs: number; kib: number } {
  return { jobs: jobs.length, kib: jobs.reduce((sum, { kib }) => sum + kib, 0) };
}

/** Out of patience: a request may be applied yet. */
function undecided(error: unknown): unknown {
  if (!ConclaveError.is(error, 'TIMEOUT')) return error;
  return new ConclaveError('TIMEOUT', error.message, { outcome: 'unknown', cause: error });
}
