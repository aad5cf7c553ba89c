import { pause, type WaitOptions, withDeadline } from '../core/abort.js';
import { utf8 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { Session } from '../lease/session.js';
import { linePrefix, type RecipeContext } from '../line/context.js';
import { type Handler, work } from './consume.js';
import { Consumer } from './consumer.js';
import { priorityLimit, QueueKeys } from './keys.js';
import { jobsPerStep, type NewJob, Producer } from './producer.js';

/** Where queues live, below the namespace. */
const root = 'queues';

/** Between two consumers of `consume()` when the store could not be asked. */
const outagePauseMs = 500;

const defaultMaxJobKib = 64;

export interface JobOptions {
  /** A whole number from -999 to 999; higher goes first. Default: 0. */
  readonly priority?: number | undefined;
}

export interface ConsumeOptions {
  /** Ends the work: no more jobs are taken, those that run finish. */
  readonly signal?: AbortSignal | undefined;
  /** How many handlers run at once. Default: 1. */
  readonly concurrency?: number | undefined;
}

/** A job that was accepted. */
export interface Enqueued {
  readonly id: string;
}

/** One work queue by name. README.md beside this file says what it promises. */
export class Queue<T = unknown> {
  readonly name: string;
  readonly #context: RecipeContext;
  readonly #keys: QueueKeys;
  readonly #producer: Producer;

  /** @throws ConclaveError `INVALID_NAME` for an empty name. */
  constructor(context: RecipeContext, name: string) {
    this.#context = context;
    this.name = name;
    this.#keys = new QueueKeys(linePrefix(context, root, name));
    this.#producer = new Producer(context, this.#keys);
  }

  /**
   * Adds one job. Calls that come together go in one request.
   * @throws `signal.reason` itself; ConclaveError `INVALID_ARGUMENT` for what is no JSON, or too large; `TIMEOUT` and
   * others with `outcome: 'unknown'` when it could not be found out whether the job was added.
   */
  async enqueue(payload: T, options: JobOptions & WaitOptions = {}): Promise<Enqueued> {
    const [added] = await this.enqueueAll([payload], options);
    return added as Enqueued;
  }

  /** Adds all of them in one step, in order, or none. At most 60. Throws as `enqueue`. */
  async enqueueAll(payloads: readonly T[], options: JobOptions & WaitOptions = {}): Promise<readonly Enqueued[]> {
    if (payloads.length > jobsPerStep) {
      throw new ConclaveError('INVALID_ARGUMENT', `${payloads.length} jobs at once, at most ${jobsPerStep}`);
    }
    const jobs = payloads.map((payload) => newJob(payload, options));
    if (jobs.length === 0) return [];
    return withDeadline(this.#context.runtime, `enqueue to ${this.name}`, options, async (signal) => {
      const seqs = await this.#producer.add(jobs, signal);
      return seqs.map((seq) => ({ id: seq.toString() }));
    });
  }

  /**
   * Opens a consumer, for those who want to take jobs one by one. Close it when done.
   * @throws `signal.reason` itself; ConclaveError `SESSION_LOST`, `UNAVAILABLE`.
   */
  async consumer(
    options: { readonly signal?: AbortSignal | undefined; readonly session?: Session } = {},
  ): Promise<Consumer<T>> {
    const session = options.session ?? this.#context.sessions.current;
    await session.open({ signal: options.signal });
    return new Consumer<T>(this.#context, { context: this.#context, session, keys: this.#keys });
  }

  /**
   * Runs `handler` on one job after the other until `signal` aborts, then rejects with its reason: it takes no more
   * jobs, waits for the handlers that run, and settles what they did. After a lost lease it goes on with a fresh
   * session, through outages of the store as long as they last.
   * @throws Whatever the store refuses for good.
   */
  async consume(handler: Handler<T>, options: ConsumeOptions = {}): Promise<never> {
    const { concurrency = 1, signal } = options;
    if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
      throw new ConclaveError('INVALID_ARGUMENT', `concurrency must be a whole number from 1, got ${concurrency}`);
    }
    // Bounded by `signal`.
    for (;;) {
      signal?.throwIfAborted();
      try {
        const consumer = await this.consumer({ signal });
        await work(consumer, handler, concurrency, signal).finally(() => consumer.close());
      } catch (error) {
        signal?.throwIfAborted();
        if (!ConclaveError.is(error, 'SESSION_LOST', 'LOST', 'UNAVAILABLE')) throw error;
        // The next session asks the store before anything else, and a connection that was closed says so at once.
        if (error.code === 'UNAVAILABLE') await pause(this.#context.runtime, outagePauseMs, signal);
      }
    }
  }
}

function newJob(payload: unknown, { priority = 0 }: JobOptions): NewJob {
  if (!Number.isInteger(priority) || Math.abs(priority) > priorityLimit) {
    const message = `priority must be a whole number from -${priorityLimit} to ${priorityLimit}, got ${priority}`;
    throw new ConclaveError('INVALID_ARGUMENT', message);
  }
  const json = jsonOf(payload);
  const kib = Math.max(1, Math.ceil(utf8(json).length / 1024));
  if (kib > defaultMaxJobKib) {
    throw new ConclaveError('INVALID_ARGUMENT', `a job of ${kib} KiB, at most ${defaultMaxJobKib}`);
  }
  return { payload: json, priority, kib };
}

function jsonOf(payload: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(payload);
  } catch (error) {
    throw new ConclaveError('INVALID_ARGUMENT', `a job must be JSON: ${(error as Error).message}`, { cause: error });
  }
  if (json === undefined) throw new ConclaveError('INVALID_ARGUMENT', 'a job must be JSON: this is undefined');
  return json;
}
