import { abortable, pause, type WaitOptions, withDeadline } from '../core/abort.js';
import { ConclaveError, undecided } from '../core/errors.js';
import { assertFunction } from '../core/given.js';
import { assertWhole } from '../core/whole.js';
import type { Session } from '../lease/session.js';
import { folderPrefix, type RecipeContext } from '../line/context.js';
import { isOverfull } from '../store/etcd-errors.js';
import { type AdminSite, checkState, type JobInfo, type JobState, listJobs } from './admin.js';
import { cancelJob } from './cancel.js';
import { type Handler, type WorkOptions, work } from './consume.js';
import { Consumer } from './consumer.js';
import { QueueKeys } from './keys.js';
import { type JobOptions, newJob } from './new-job.js';
import { type QueueOptions, type QueueSettings, settingsOf } from './options.js';
import { setPaused } from './pause.js';
import { checkPayload } from './payload.js';
import { jobsPerStep, kibPerStep } from './producer.js';
import { Producers } from './producers.js';
import { purgeState } from './purge.js';
import { redriveJob } from './redrive.js';
import { type JobOutcome, outcomeOf } from './result.js';
import { checkScheduleName, type ScheduleOptions, specOf } from './schedule.js';
import { declareSchedule, listSchedules, removeSchedule, type ScheduleInfo } from './schedules.js';
import { type QueueStats, statsOf } from './stats.js';
import { checkSize, type NewJob, sizeOf } from './step.js';

/** Where queues live, below the namespace. */
const queuesRoot = 'queues';

/** Between two consumers of `consume()` when the store could not be asked. */
const outagePauseMs = 500;

export interface EnqueueOptions extends JobOptions, WaitOptions {
  /** While a job of this key is in the queue and no dead letter, another one is not added. */
  readonly dedupeKey?: string | undefined;
}

/** What became of an `enqueue`. */
export interface Enqueued {
  readonly id: string;
  /** Whether a job of the same dedupe key was there already: `id` is that one's. */
  readonly duplicate: boolean;
}

/** One work queue by name. README.md beside this file says what it promises. */
export class Queue<T = unknown> {
  readonly name: string;
  readonly #context: RecipeContext;
  readonly #keys: QueueKeys;
  readonly #settings: QueueSettings;

  /**
   * `root`: where it lives, below the namespace.
   * @throws ConclaveError `INVALID_NAME` for an empty name; `INVALID_ARGUMENT` for options that are no whole numbers.
   */
  constructor(context: RecipeContext, name: string, options: QueueOptions<T> = {}, root = queuesRoot) {
    this.#context = context;
    this.name = name;
    this.#keys = new QueueKeys(folderPrefix(context, root, name));
    this.#settings = settingsOf(options);
  }

  /**
   * Adds one job. Calls that come together go in one request.
   * @throws `signal.reason` itself; ConclaveError `INVALID_ARGUMENT` for what is no JSON, or too large, be the queue
   * empty; `INVALID_VALUE` for what the schema refuses; `RESOURCE_EXHAUSTED` when the queue is full; `TIMEOUT` and
   * others with `outcome: 'unknown'` when it could not be found out whether the job was added.
   */
  async enqueue(payload: T, options: EnqueueOptions = {}): Promise<Enqueued> {
    const job = newJob(payload, options, this.#settings, options.dedupeKey);
    const [added] = await this.#add([job], [payload], options);
    return added as Enqueued;
  }

  /** Adds all of them in one step, in order, or none. At most 40, of 1,024 KiB together. Throws as `enqueue`. */
  async enqueueAll(payloads: readonly T[], options: JobOptions & WaitOptions = {}): Promise<readonly Enqueued[]> {
    if (!Array.isArray(payloads)) throw new ConclaveError('INVALID_ARGUMENT', 'enqueueAll takes a list of payloads');
    if (payloads.length > jobsPerStep) {
      throw new ConclaveError('INVALID_ARGUMENT', `${payloads.length} jobs at once, at most ${jobsPerStep}`);
    }
    const jobs = payloads.map((payload) => newJob(payload, options, this.#settings, undefined));
    const { kib } = sizeOf(jobs);
    if (kib > kibPerStep) {
      throw new ConclaveError('INVALID_ARGUMENT', `${kib} KiB at once, at most ${kibPerStep}`);
    }
    return jobs.length === 0 ? [] : this.#add(jobs, payloads, options);
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
    // It may have been closed by whoever had his turn meanwhile: nothing is to be begun on it.
    session.assertAlive();
    const site = { context: this.#context, session, keys: this.#keys, settings: this.#settings };
    return new Consumer<T>(this.#context, site);
  }

  /**
   * Runs `handler` on one job after the other until `signal` aborts, then rejects with its reason: it takes no more
   * jobs, waits for the handlers that run, and settles what they did. A handler that throws fails its job, see
   * `Job.fail`. After a lost lease it goes on with a fresh session, through outages of the store, and while that is
   * full, as long as they last.
   * @throws Whatever the store refuses for good; ConclaveError `INVALID_ARGUMENT`.
   */
  async consume(handler: Handler<T>, options: WorkOptions<T> = {}): Promise<never> {
    const { signal } = options;
    const { runtime } = this.#context;
    assertFunction('the handler', handler);
    assertWhole('concurrency', options.concurrency ?? 1, 1);
    assertWhole('timeLimitMs', options.timeLimitMs ?? 1, 1);
    // Bounded by `signal`.
    for (;;) {
      signal?.throwIfAborted();
      try {
        const consumer = await this.consumer({ signal });
        await work(runtime, consumer, handler, options).finally(() => consumer.close());
      } catch (error) {
        signal?.throwIfAborted();
        if (ConclaveError.is(error, 'SESSION_LOST', 'LOST')) continue;
        if (!ConclaveError.is(error, 'UNAVAILABLE') && !isOverfull(error)) throw error;
        // The next session asks the store before anything else, and a connection that was closed says so at once.
        await pause(runtime, outagePauseMs, signal);
      }
    }
  }

  /** How many jobs there are of each state. Costs the store a walk over their keys. */
  stats(options: WaitOptions = {}): Promise<QueueStats> {
    return this.#asked('stats', options, (site, signal) => statsOf(site, signal));
  }

  /** The first jobs of a state, at most `limit` (default: 100), in the order in which their turn comes. */
  async list(
    state: JobState,
    options: WaitOptions & { readonly limit?: number | undefined } = {},
  ): Promise<readonly JobInfo<T>[]> {
    const { limit = 100 } = options;
    assertWhole('limit', limit, 1);
    checkState(state);
    return this.#asked('list', options, (site, signal) => listJobs<T>(site, state, limit, signal));
  }

  /** The job that is handed out next, or null. */
  async peek(options: WaitOptions = {}): Promise<JobInfo<T> | null> {
    return (await this.list('ready', { ...options, limit: 1 }))[0] ?? null;
  }

  /**
   * Hands out no more jobs, to nobody, until `resume()`. What is claimed goes on. Of both, whoever is answered last has
   * the last word: a call that was given up does nothing once a later one, of whomever, was answered.
   * @throws ConclaveError `TIMEOUT` with `outcome: 'unknown'`.
   */
  pause(options: WaitOptions = {}): Promise<void> {
    return this.#changed('pause', options, (site, signal) => setPaused(site, true, signal));
  }

  /** See `pause()`. */
  resume(options: WaitOptions = {}): Promise<void> {
    return this.#changed('resume', options, (site, signal) => setPaused(site, false, signal));
  }

  /**
   * Hands a dead letter out again, with all its attempts; false: there is none of that id.
   * @throws ConclaveError `CONFLICT` while another job of its dedupe key is in the queue.
   */
  redrive(id: string, options: WaitOptions = {}): Promise<boolean> {
    return this.#changed('redrive', options, (site, signal) => redriveJob(site, seqOf(id), signal));
  }

  /** Takes a job away for good, whatever its state: whoever works on it loses it. False: there is none of that id. */
  cancel(id: string, options: WaitOptions = {}): Promise<boolean> {
    return this.#changed('cancel', options, (site, signal) => cancelJob(site, seqOf(id), signal));
  }

  /**
   * Takes away every job of these states that is there now, and counts them; by default all that are in nobody's hands.
   * A job that changes its state meanwhile may be left.
   * @throws ConclaveError `INVALID_ARGUMENT` for `claimed`: who works on a job loses it by `cancel` alone.
   */
  purge(options: WaitOptions & { readonly states?: readonly JobState[] | undefined } = {}): Promise<number> {
    const { states = purgeable } = options;
    return this.#changed('purge', options, async (site, signal) => {
      for (const state of states) checkPurgeable(state);
      let count = 0;
      for (const state of purgeable) if (states.includes(state)) count += await purgeState(site, state, signal);
      return count;
    });
  }

  /**
   * Waits until the job is done, a dead letter or gone. What its handler returned is there for `keepResultMs` after
   * that, if its producer asked for it.
   */
  result<R = unknown>(id: string, options: WaitOptions = {}): Promise<JobOutcome<R>> {
    return this.#asked('result', options, (site, signal) => outcomeOf<R>(site, seqOf(id), signal));
  }

  /**
   * Adds a job at every tick from now on, once, whoever of the consumers' processes sees to it; while there is no
   * consumer ticks are missed. A schedule of this name that is there already is made the same, and left alone if it is.
   * @throws ConclaveError `INVALID_ARGUMENT` for what is no schedule, or never ticks; `INVALID_VALUE` as `enqueue`.
   */
  async schedule(name: string, options: ScheduleOptions<T> & WaitOptions): Promise<ScheduleInfo<T>> {
    const spec = specOf(name, options, this.#settings);
    return this.#changed('schedule', options, async (site, signal) => {
      await this.#check([options.payload], signal);
      return declareSchedule<T>(site, name, spec, signal);
    });
  }

  /** All schedules, by name. */
  schedules(options: WaitOptions = {}): Promise<readonly ScheduleInfo<T>[]> {
    return this.#asked('schedules', options, listSchedules<T>);
  }

  /** Ends a schedule; false: there is none of that name. Jobs that it has added stay. */
  async unschedule(name: string, options: WaitOptions = {}): Promise<boolean> {
    checkScheduleName(name);
    return this.#changed('unschedule', options, (site, signal) => removeSchedule(site, name, signal));
  }

  /** Asks the schema, which may take its time. */
  async #check(payloads: readonly T[], signal: AbortSignal): Promise<void> {
    for (const payload of payloads) await abortable(checkPayload(payload, this.#settings), signal);
  }

  async #add(
    jobs: readonly NewJob[],
    payloads: readonly T[],
    options: JobOptions & WaitOptions,
  ): Promise<readonly Enqueued[]> {
    checkSize(sizeOf(jobs), this.#settings);
    return withDeadline(this.#context.runtime, `enqueue to ${this.name}`, options, async (signal) => {
      if (this.#settings.schema !== undefined) await this.#check(payloads, signal);
      const producer = Producers.of(this.#context, this.#keys);
      // Bounded by `signal`, which whoever waits for room should have.
      for (;;) {
        try {
          const added = await producer.add(jobs, this.#settings, signal);
          return added.map(({ seq, duplicate }) => ({ id: seq.toString(), duplicate }));
        } catch (error) {
          if (options.whenFull !== 'wait' || !ConclaveError.is(error, 'RESOURCE_EXHAUSTED')) throw error;
        }
        await producer.room(signal);
      }
    });
  }

  async #asked<R>(
    what: string,
    options: WaitOptions,
    ask: (site: AdminSite, signal: AbortSignal) => Promise<R>,
  ): Promise<R> {
    const site = { context: this.#context, keys: this.#keys };
    return withDeadline(this.#context.runtime, `${what} of ${this.name}`, options, (signal) => ask(site, signal));
  }

  /** Of a call that ran out of time nobody knows whether it comes through yet. */
  async #changed<R>(
    what: string,
    options: WaitOptions,
    change: (site: AdminSite, signal: AbortSignal) => Promise<R>,
  ): Promise<R> {
    try {
      return await this.#asked(what, options, change);
    } catch (error) {
      throw ConclaveError.is(error, 'TIMEOUT') ? undecided(error) : error;
    }
  }
}

/** @throws ConclaveError `INVALID_ARGUMENT` for what is no job's id. */
function seqOf(id: string): number {
  const seq = Number(id);
  if (typeof id !== 'string' || !/^\d+$/.test(id) || !Number.isSafeInteger(seq)) {
    throw new ConclaveError('INVALID_ARGUMENT', `a job's id is a whole number, got ${JSON.stringify(id)}`);
  }
  return seq;
}

/** Those that wait go first: else one of each group would come forward. */
const purgeable: readonly JobState[] = ['waiting', 'delayed', 'ready', 'dead'];

/** @throws ConclaveError `INVALID_ARGUMENT` */
function checkPurgeable(state: JobState): void {
  if (purgeable.includes(state)) return;
  throw new ConclaveError('INVALID_ARGUMENT', `jobs can be purged that are ${purgeable.join(', ')}, not ${state}`);
}
