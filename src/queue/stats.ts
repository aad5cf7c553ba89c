import type { KeyValue, RequestOp } from '../store/messages.js';
import { bytesOf, get, rangeAt } from '../store/ops.js';
import { type AdminSite, answered, folderOf, type JobState, jobStates } from './admin.js';
import { below, keyAfter, seqAt } from './keys.js';
import { recordOf } from './record.js';

/** How many jobs there are, at one revision. */
export interface QueueStats {
  readonly ready: number;
  readonly delayed: number;
  /** For an earlier job of their group. */
  readonly waiting: number;
  readonly claimed: number;
  readonly dead: number;
  readonly paused: boolean;
  /**
   * Age of the oldest job that is no dead letter, by its producer's wall clock and this process's; undefined: there is
   * none.
   */
  readonly oldestMs: number | undefined;
}

export async function statsOf(site: AdminSite, signal: AbortSignal): Promise<QueueStats> {
  const { context, keys } = site;
  const counts = jobStates.map(
    (state): RequestOp => ({ type: 'range', request: { ...below(folderOf(keys, state)), countOnly: true } }),
  );
  const firstOf = (folder: string): RequestOp => ({ type: 'range', request: { ...below(folder), limit: 1n } });
  const success = [...counts, get(keys.paused), firstOf(keys.jobs), firstOf(keys.dead)];
  const txn = await answered(context, { success }, signal);
  const [paused = [], [job] = [], [dead] = []] = [0, 1, 2].map((i) => rangeAt(txn, jobStates.length + i).kvs);
  const isDead = job !== undefined && dead !== undefined && seqAt(job.key) === seqAt(dead.key);
  const oldest = isDead ? await oldestAlive(site, signal) : job;
  const count = (state: JobState) => Number(rangeAt(txn, jobStates.indexOf(state)).count);
  return {
    ready: count('ready') - paused.length,
    delayed: count('delayed'),
    waiting: count('waiting'),
    claimed: count('claimed'),
    dead: count('dead'),
    paused: paused.length > 0,
    oldestMs: oldest && Math.max(0, context.runtime.wallMs() - recordOf(oldest).enqueuedMs),
  };
}

/** Numbers of jobs, and of dead letters, that one request looks at. */
const perRequest = 1_000;

/** The first job that is no dead letter: both are in the order of their numbers, and each dead letter is a job. */
async function oldestAlive({ context, keys }: AdminSite, signal: AbortSignal): Promise<KeyValue | undefined> {
  const page = { keysOnly: true, limit: BigInt(perRequest) };
  // One walk over the keys.
  for (let [job, dead] = [bytesOf(keys.jobs), bytesOf(keys.dead)]; ; ) {
    const success = [
      get(job, { ...page, rangeEnd: below(keys.jobs).rangeEnd }),
      get(dead, { ...page, rangeEnd: below(keys.dead).rangeEnd }),
    ];
    const txn = await answered(context, { success }, signal);
    const [jobs, letters] = [rangeAt(txn, 0).kvs, rangeAt(txn, 1).kvs];
    const numbers = new Set(letters.map(({ key }) => seqAt(key)));
    const alive = jobs.find(({ key }) => !numbers.has(seqAt(key)));
    if (alive !== undefined) return rangeAt(await answered(context, { success: [get(alive.key)] }, signal), 0).kvs[0];
    const last = jobs.at(-1);
    if (last === undefined || jobs.length < perRequest) return undefined;
    [job, dead] = [keyAfter(last.key), keyAfter(bytesOf(keys.deadOf(seqAt(last.key))))];
  }
}
