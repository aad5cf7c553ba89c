import type { Conclave } from '../../conclave.js';
import type { WorkOptions } from '../../queue/consume.js';
import type { Job } from '../../queue/job.js';
import { type Child, startChild } from '../child.js';
import { withConclave } from '../connection.js';
import { CliFailure, ExitCode } from '../exit-code.js';
import type { GlobalFlags } from '../global-flags.js';
import { complain, printJson } from '../output.js';
import { anyAbort, Signals } from '../signals.js';

export interface WorkFlags extends GlobalFlags {
  /** Milliseconds, though the flag counts in seconds. */
  readonly ttl: number;
  /** Jobs to handle before it ends. */
  readonly count?: number;
  readonly timeLimit: number;
  readonly killAfter: number;
}

/** Hands jobs to `handle`, until the signal aborts. */
export type Take = (
  conclave: Conclave,
  handle: (job: Job) => Promise<void>,
  options: Pick<WorkOptions<unknown>, 'signal' | 'timeLimitMs' | 'onFailure'>,
) => Promise<never>;

/** A command per job. The first signal ends the taking, each further one goes to the commands that run. */
export async function work(words: readonly string[], flags: WorkFlags, take: Take): Promise<ExitCode> {
  const signals = new Signals();
  const running = new Set<Child>();
  let isAsked = false;
  const stopForwarding = signals.onEach((signal) => {
    if (isAsked) for (const child of running) child.forward(signal);
    isAsked = true;
  });
  try {
    const needs = { ttlMs: flags.ttl, signal: signals.first };
    return await withConclave(flags, needs, (conclave) =>
      takeAll(conclave, take, words, flags, signals.first, running),
    );
  } finally {
    stopForwarding();
    signals[Symbol.dispose]();
  }
}

async function takeAll(
  conclave: Conclave,
  take: Take,
  words: readonly string[],
  flags: WorkFlags,
  asked: AbortSignal,
  running: Set<Child>,
): Promise<ExitCode> {
  const { timeLimit: timeLimitMs, count = Number.POSITIVE_INFINITY } = flags;
  const stop = new AbortController();
  void anyAbort(asked).then(() => stop.abort(asked.reason));
  let begun = 0;
  const handle = async (job: Job) => {
    begun += 1;
    if (begun >= count) stop.abort(enough);
    try {
      await runFor(job, words, flags.killAfter, running);
    } catch (error) {
      if (!(error instanceof CliFailure)) throw error;
      // There is no such command: that is not the job's fault.
      stop.abort(error);
      await job.giveBack();
    }
  };
  const onFailure = (error: unknown, job: Job) => {
    if (flags.json) printJson({ id: job.id, attempt: job.attempt, error: (error as Error).message });
    else complain(`job ${job.id}, attempt ${job.attempt}: ${(error as Error).message}`);
  };
  try {
    return await take(conclave, handle, { timeLimitMs, onFailure, signal: stop.signal });
  } catch (error) {
    if (error === enough || (error === asked.reason && asked.aborted)) return ExitCode.ok;
    throw error;
  }
}

const enough = new Error('as many jobs as asked for');

/** @throws CliFailure if the command cannot be run; what fails the job. */
async function runFor(job: Job, words: readonly string[], killAfterMs: number, running: Set<Child>): Promise<void> {
  const child = await startChild(words, {
    CONCLAVE_JOB: JSON.stringify(job.payload),
    CONCLAVE_JOB_ID: job.id,
    CONCLAVE_JOB_ATTEMPT: `${job.attempt}`,
    CONCLAVE_JOB_FENCE: job.fence.toString(),
    ...(job.tick && { CONCLAVE_JOB_TICK: new Date(job.tick.atMs).toISOString() }),
  });
  running.add(child);
  try {
    await Promise.race([child.ended, anyAbort(job.signal)]);
    if (job.signal.aborted) {
      await child.stop(killAfterMs);
      throw job.signal.reason;
    }
    const exitCode = await child.ended;
    if (exitCode !== 0) throw new Error(`the command exited with ${exitCode}`);
  } finally {
    running.delete(child);
  }
}
