import { onAbort } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import type { Consumer } from './consumer.js';
import type { Job } from './job.js';

/** What is done with a job. Once it has settled the job is acknowledged, or given back if it threw. */
export type Handler<T> = (job: Job<T>) => Promise<unknown> | unknown;

/**
 * Takes jobs and runs `handler` on up to `concurrency` of them at once until `signal` aborts or the consumer is over;
 * then lets those that run finish. Rejects with the reason.
 */
export async function work<T>(
  consumer: Consumer<T>,
  handler: Handler<T>,
  concurrency: number,
  signal: AbortSignal | undefined,
): Promise<never> {
  const running = new Set<Promise<void>>();
  const stop = new AbortController();
  const unlink = onAbort(signal, (reason) => stop.abort(reason));
  const fail = (error: unknown) => stop.abort(error);
  try {
    // Bounded by `signal` and the consumer's life.
    for (;;) {
      const job = await consumer.take({ signal: stop.signal });
      const done = handle(job, handler).catch(fail);
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
async function handle<T>(job: Job<T>, handler: Handler<T>): Promise<void> {
  let failed = false;
  try {
    await handler(job);
  } catch {
    failed = true;
  }
  if (!job.held) return;
  try {
    await (failed ? job.nack() : job.ack());
  } catch (error) {
    // Whoever has the job now, or gets it, does it again.
    if (!ConclaveError.is(error, 'LOST', 'SESSION_LOST', 'RELEASED')) throw error;
  }
}
