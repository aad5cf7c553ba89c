import { onAbort } from '../core/abort.js';
import { callUser } from '../core/call-user.js';
import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import type { Consumer } from './consumer.js';
import type { Job } from './job.js';

/**
 * What is done with a job. Once it has settled the job is acknowledged, or fails if it threw. What it returns is kept
 * if the job's producer asked for it, see `JobOptions.keepResultMs`.
 */
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

/**
 * From the abort for being out of time, or for a lost claim, to the job's being given up, though its handler goes on.
 */
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
  const stop = new AbortController();
  const unlink = onAbort(signal, (reason) => stop.abort(reason));
  const worker = async () => {
    try {
      // Bounded by `signal` and the consumer's life.
      for (;;) {
        const job = await consumer.take({ signal: stop.signal });
        if (stop.signal.aborted) await job.giveBack();
        stop.signal.throwIfAborted();
        await handle(runtime, job, handler, options);
      }
    } catch (error) {
      stop.abort(error);
    }
  };
  try {
    await Promise.all(Array.from({ length: concurrency }, worker));
    throw stop.signal.reason;
  } finally {
    unlink();
  }
}

/** @throws only what no handler and no network can be blamed for. */
async function handle<T>(
  runtime: Runtime,
  job: Job<T>,
  handler: Handler<T>,
  { timeLimitMs = defaultTimeLimitMs, onFailure }: WorkOptions<T>,
): Promise<void> {
  const ran = await withinLimit(runtime, job, handler, timeLimitMs);
  if ('error' in ran) callUser(() => onFailure?.(ran.error, job));
  if (!job.held) return;
  try {
    await ('error' in ran ? job.fail(ran.error) : job.ack(ran.result));
  } catch (error) {
    // Whoever has the job now, or gets it, does it again.
    if (!ConclaveError.is(error, 'LOST', 'SESSION_LOST', 'RELEASED')) throw error;
  }
}

/** What came of a handler. */
type Ran = { readonly error: unknown } | { readonly result: unknown };

/** One that does not settle after its time, or once its claim is lost, is left to itself. */
async function withinLimit<T>(runtime: Runtime, job: Job<T>, handler: Handler<T>, timeLimitMs: number): Promise<Ran> {
  let stopTimer = () => {};
  let unlink = () => {};
  const givenUp = new Promise<Ran>((resolve) => {
    const giveUp = (error: unknown) => {
      stopTimer();
      stopTimer = runtime.setTimer(graceMs, () => resolve({ error }));
    };
    stopTimer = runtime.setTimer(timeLimitMs, () => {
      const error = new ConclaveError('TIMEOUT', `job ${job.id}: not done within ${timeLimitMs} ms`);
      job.stop(error);
      giveUp(error);
    });
    unlink = onAbort(job.signal, (reason) => {
      if (!job.held && !job.settled) giveUp(reason);
    });
  });
  const run = async (): Promise<Ran> => {
    try {
      const result = await handler(job);
      job.checkResult(result);
      return { result };
    } catch (error) {
      return { error };
    }
  };
  try {
    return await Promise.race([run(), givenUp]);
  } finally {
    unlink();
    stopTimer();
  }
}
