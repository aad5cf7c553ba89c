import type { WaitOptions } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import { assertFunction } from '../core/given.js';
import type { RhythmOptions } from '../cron/rhythm.js';
import type { RecipeContext } from '../line/context.js';
import type { WorkOptions } from '../queue/consume.js';
import type { Job } from '../queue/job.js';
import type { QueueOptions } from '../queue/options.js';
import { Queue } from '../queue/queue.js';
import type { Tick } from '../queue/record.js';
import type { ScheduleOptions as QueueScheduleOptions } from '../queue/schedule.js';

/** Where schedules live, below the namespace. */
const root = 'schedules';

/** The one schedule of its queue. */
const only = 'tick';

export interface SingleRunOptions
  extends RhythmOptions,
    Pick<QueueScheduleOptions, 'missed' | 'lateMs'>,
    Pick<QueueOptions, 'maxAttempts' | 'backoff'> {}

/** One run of a schedule, in the hands of this process: a job whose `tick` says what it stands for. */
export type ScheduledRun = Job<null> & { readonly tick: Tick };

/** What one tick after the other is handed to, in one process of all. Throws, or rejects, when the run has failed. */
export type RunHandler = (run: ScheduledRun) => Promise<unknown> | unknown;

/** How a schedule stands. */
export interface ScheduleState {
  /** The next tick, and the last one that was not left out, in milliseconds since 1970. */
  readonly nextMs: number | undefined;
  readonly lastMs: number | undefined;
  /** The run that goes on now or waits for its next attempt: for which tick, and the how manieth attempt it is at. */
  readonly running: { readonly tickMs: number; readonly attempts: number } | undefined;
  /** The last run, if it was given up: for which tick, and why. */
  readonly failed: { readonly tickMs: number; readonly reason: string | undefined } | undefined;
}

/**
 * A job that one of many processes runs at each tick: a queue with one schedule, whose jobs form one group. README.md
 * beside this file says what it promises.
 */
export class Schedule {
  readonly name: string;
  readonly #options: SingleRunOptions;
  readonly #queue: Queue<null>;

  /** @throws ConclaveError `INVALID_NAME` for an empty name; `INVALID_ARGUMENT` for attempts that are no numbers. */
  constructor(context: RecipeContext, name: string, options: SingleRunOptions = {}) {
    const { maxAttempts, backoff } = options;
    this.name = name;
    this.#options = options;
    this.#queue = new Queue<null>(context, name, { maxAttempts, backoff }, root);
  }

  /**
   * Stands ready to run `handler` until `signal` aborts, then lets a run that goes on finish and rejects with the
   * reason. Each tick is handed to one process of those that stand ready; to another if that one dies or fails, at most
   * `maxAttempts` times (default: 5). With `maxAttempts: 1` a tick is run once at most.
   * @throws ConclaveError `INVALID_ARGUMENT` for what is no rhythm, never ticks, or is no handler; whatever the store
   * refuses for good.
   */
  async run(handler: RunHandler, options: Omit<WorkOptions<null>, 'concurrency'> = {}): Promise<never> {
    assertFunction('the handler', handler);
    const { cron, timeZone, everyMs, missed = 'skip', lateMs } = this.#options;
    const overlap = missed === 'skip' ? 'skip' : 'wait';
    const rhythm = { cron, timeZone, everyMs, missed, lateMs, overlap } as const;
    await this.#queue.schedule(only, { ...rhythm, payload: null, signal: options.signal });
    const runOne = async (job: Job<null>) => {
      if (job.tick === undefined) throw new ConclaveError('INVALID_VALUE', 'no run of a schedule');
      // What the last run left behind when it was given up would be there for ever.
      if (job.attempt === 1) await this.#queue.purge({ states: ['dead'], signal: job.signal });
      return handler(job as ScheduledRun);
    };
    return this.#queue.consume(runOne, { ...options, concurrency: 1 });
  }

  /** How it stands; null: nobody has ever run it, or it was deleted. */
  async state(options: WaitOptions = {}): Promise<ScheduleState | null> {
    const [schedule] = await this.#queue.schedules(options);
    if (schedule === undefined) return null;
    const [dead, ...running] = (
      await Promise.all(
        (['dead', 'claimed', 'delayed', 'ready'] as const).map((state) => this.#queue.list(state, options)),
      )
    ).map((jobs) => jobs.at(-1));
    const current = running.find((job) => job !== undefined);
    const { nextMs, lastMs } = schedule;
    return {
      nextMs,
      lastMs,
      running: current && { tickMs: current.tick?.atMs ?? 0, attempts: current.attempts },
      failed: dead && { tickMs: dead.tick?.atMs ?? 0, reason: dead.reason },
    };
  }

  /** Ends it for good, unless somebody says it again: a run that goes on finishes. False: there was none. */
  async delete(options: WaitOptions = {}): Promise<boolean> {
    const was = await this.#queue.unschedule(only, options);
    await this.#queue.purge(options);
    return was;
  }
}
