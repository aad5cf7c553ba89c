// A job scheduler that runs on many hosts: one of them leads, and only that one runs the job. The files beside this one
// test what it does when the leader is cut off, stands still or dies.
import { setTimeout } from 'node:timers/promises';
import { ConclaveError, put } from 'conclave';

/** Where the number of the last run stands. */
const lastRunKey = 'scheduler/last-run';

/**
 * Runs `job` every `everyMs` while this host leads, and stands for election again after a loss, until `signal` aborts;
 * then it resolves.
 *
 * @param {import('conclave').Conclave} conclave
 * @param {object} options
 * @param {string} options.host
 * @param {(run: number, signal: AbortSignal) => unknown} options.job  Each run has its number; no number is used twice.
 * @param {AbortSignal} options.signal
 * @param {number} [options.everyMs]
 * @param {(ms: number, signal: AbortSignal) => Promise<void>} [options.sleep]  Tests bring their own time.
 */
export async function runScheduler(conclave, { host, job, signal, everyMs = 60_000, sleep = realSleep }) {
  const election = conclave.election('scheduler');
  const lead = async (leadership) => {
    while (leadership.held) {
      const run = await claimRun(conclave, leadership);
      if (run !== undefined && leadership.held) await job(run, leadership.signal);
      await sleep(everyMs, leadership.signal);
    }
  };
  try {
    await election.run(host, lead, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Takes the next number, if this host still leads at that moment: the guard lets the store decide. */
async function claimRun(conclave, leadership) {
  try {
    const last = await conclave.get(lastRunKey);
    const run = Number(last?.value.toString() ?? 0) + 1;
    const claim = await conclave
      .txn()
      .if(leadership.guard())
      .then(put(lastRunKey, String(run)))
      .commit();
    return claim.succeeded ? run : undefined;
  } catch (error) {
    // Not known whether the number is ours: nobody uses it.
    if (ConclaveError.is(error) && error.retryable) return undefined;
    throw error;
  }
}

function realSleep(ms, signal) {
  return setTimeout(ms, undefined, { signal });
}
