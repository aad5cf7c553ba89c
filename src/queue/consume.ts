import { onAbort } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import type { Consumer } from './consumer.js';
import type { Job } from './job.js';

/** What is done with a job. Once it has settled the job is acknowledged, or fails if it threw. */
export type Handler<T> = (job: Job<T>) => Promise<unknown> | unknown;

export interface WorkOptions<T> {
  /** Ends the work: no more jobs are taken, those that run finish. */
  readonly signal?: AbortSignal | undefined;
  /** How many handlers run at once. Default: 1. */
  readonly concurrency?: number | undefined;
  /** After so long `job.signal` aborts with `TIMEOUT`, in milliseconds. Default: 600,000. */
  readonly timeLimitMs?: number | undefined;
  /** Told of each handler that threw, or was given up: for logs. */
  readonly onFailure?: ((error: unknown, job: Job<T>) => void) | undefined;
}

const defaultTimeLimitMs = 600_000;

/** From the abort for being out of time to the job's being given up, though the handler may go on. */
const graceMs = 5_000;

/**
 * Takes jobs and runs `handler` on up to `concurrency` of them at once until `signal` aborts or the consumer is over;
 * then lets those that run finish. Rejects with the reason.
 */
export async function work<T>(
  runtime: Runtime,
  consumer: Consumer<T>,
  handler: Handler<T>,
  options: WorkOptions<T>,
): Promise<never> {
  const { concurrency = 1, signal } = options;
  const running = new Set<Promise<void>>();
  const stop = new AbortController();
  const unlink = onAbort(signal, (reason) => stop.abort(reason));
  const fail = (error: unknown) => stop.abort(error);
  try {
    // Bounded by `signal` and the consumer's life.
    for (;;) {
      const job = await consumer.take({ signal: stop.signal });
      const done = handle(runtime, job, handler, options).catch(fail);
      running.add(done);
      void done.then(() => running.delete(done));
      if (running.size >= concurrency) await Promise.race(running);
    }
  } finally {
    unlink();
    await Promise.all(running);
  }
}

/** @throws only what no handler and no network can be blamed for. */
async function handle<T>(
  runtime: Runtime,
  job: Job<T>,
  handler: Handler<T>,
  { timeLimitMs = defaultTimeLimitMs, onFailure }: WorkOptions<T>,
): Promise<void> {
  const failure = await withinLimit(runtime, job, handler, timeLimitMs);
  if (failure !== undefined) onFailure?.(failure.error, job);
  if (!job.held) return;
  try {
    await (failure === undefined ? job.ack() : job.fail(failure.error));
  } catch (error) {
    // Whoever has the job now, or gets it, does it again.
    if (!ConclaveError.is(error, 'LOST', 'SESSION_LOST', 'RELEASED')) throw error;
  }
}

/** How the handler failed; undefined if it did not. One that does not settle after its time is left to itself. */
async function withinLimit<T>(
  runtime: Runtime,
  job: Job<T>,
  handler: Handler<T>,
  timeLimitMs: number,
): Promise<{ readonly error: unknown } | undefined> {
  let stopTimer = () => {};
  const outOfTime = new Promise<{ readonly error: unknown }>((resolve) => {
    const error = new ConclaveError('TIMEOUT', `job ${job.id}: not done within ${timeLimitMs} ms`);
    stopTimer = runtime.setTimer(timeLimitMs, () => {
      job.stop(error);
      stopTimer = runtime.setTimer(graceMs, () => resolve({ error }));
    });
  });
  const run = async () => {
    try {
      await handler(job);
    } catch (error) {
      return { error };
    }
    return undefined;
  };
  try {
    return await Promise.race([run(), outOfTime]);
  } finally {
    stopTimer();
  }
}
