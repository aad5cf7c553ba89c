import { utf8Text } from '../core/bytes.js';
import type { SessionContext } from '../lease/session.js';
import type { KeyValue, RequestOp, TxnRequest, TxnResponse } from '../store/messages.js';
import { createdAt, get, modifiedAt, rangeAt, remove } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { removeJob } from './gone.js';
import { comeBackToGroup, leaveGroup, moveGroupOn } from './group.js';
import { jsonValue } from './json.js';
import { below, dueMsAt, type QueueKeys, seqAt } from './keys.js';
import { recordOf, type Tick } from './record.js';
import { perAnswer, type Ticket, takenOf, ticketOf } from './ticket.js';

export type JobState = 'ready' | 'delayed' | 'waiting' | 'claimed' | 'dead';

export const jobStates: readonly JobState[] = ['ready', 'delayed', 'waiting', 'claimed', 'dead'];

/** How many jobs there are, at one revision. */
export interface QueueStats {
  readonly ready: number;
  readonly delayed: number;
  /** For an earlier job of their group. */
  readonly waiting: number;
  readonly claimed: number;
  readonly dead: number;
  readonly paused: boolean;
  /** Age of the oldest job of any state, by its producer's wall clock and this process's; undefined: there is none. */
  readonly oldestMs: number | undefined;
}

/** A job as others see it. */
export interface JobInfo<T = unknown> {
  readonly id: string;
  readonly state: JobState;
  readonly payload: T;
  readonly priority: number;
  readonly attempts: number;
  readonly maxAttempts: number;
  /** Why it failed last. */
  readonly reason: string | undefined;
  readonly group: string | undefined;
  /** What its handler last reported. */
  readonly progress: unknown;
  readonly enqueuedMs: number;
  readonly tick: Tick | undefined;
  /** When it is due, by wall clock; for delayed ones. */
  readonly dueMs: number | undefined;
}

/** Where a queue is looked at from outside. */
export interface AdminSite {
  readonly context: SessionContext;
  readonly keys: QueueKeys;
}

export function folderOf({ ready, delayed, waiting, taken, dead }: QueueKeys, state: JobState): string {
  return { ready, delayed, waiting, claimed: taken, dead }[state];
}

export async function statsOf({ context, keys }: AdminSite, signal: AbortSignal): Promise<QueueStats> {
  const counts = jobStates.map(
    (state): RequestOp => ({ type: 'range', request: { ...below(folderOf(keys, state)), countOnly: true } }),
  );
  const oldest: RequestOp = { type: 'range', request: { ...below(keys.jobs), limit: 1n } };
  const txn = await answered(context, { success: [...counts, get(keys.paused), oldest] }, signal);
  const count = (state: JobState) => Number(rangeAt(txn, jobStates.indexOf(state)).count);
  const paused = rangeAt(txn, jobStates.length).kvs.length > 0;
  const [first] = rangeAt(txn, jobStates.length + 1).kvs;
  const oldestMs = first === undefined ? undefined : Math.max(0, context.runtime.wallMs() - recordOf(first).enqueuedMs);
  return {
    ready: count('ready') - (paused ? 1 : 0),
    delayed: count('delayed'),
    waiting: count('waiting'),
    claimed: count('claimed'),
    dead: count('dead'),
    paused,
    oldestMs,
  };
}

/** The first jobs of a state, in the order in which their turn comes. */
export async function listJobs<T>(
  { context, keys }: AdminSite,
  state: JobState,
  limit: number,
  signal: AbortSignal,
): Promise<readonly JobInfo<T>[]> {
  const request = { ...below(folderOf(keys, state)), limit: BigInt(limit) };
  const { store, runtime } = context;
  const { kvs } = await untilAnswered(runtime, signal, () => store.range(request, { signal }));
  const tickets = kvs.filter(({ key }) => utf8Text(key) !== keys.paused);
  const infos: JobInfo<T>[] = [];
  const perRequest = Math.min(recordsPerRequest, perAnswer(tickets.map(ticketOf)));
  for (let i = 0; i < tickets.length; i += perRequest) {
    const page = tickets.slice(i, i + perRequest);
    const reads = page.flatMap(({ key }) => [get(keys.job(seqAt(key))), get(keys.progressOf(seqAt(key)))]);
    const txn = await answered(context, { success: reads }, signal);
    infos.push(
      ...page.flatMap((kv, j) => infoOf<T>(state, kv, rangeAt(txn, 2 * j).kvs[0], rangeAt(txn, 2 * j + 1).kvs[0])),
    );
  }
  return infos;
}

const recordsPerRequest = 16;

function infoOf<T>(
  state: JobState,
  kv: KeyValue,
  job: KeyValue | undefined,
  progress: KeyValue | undefined,
): JobInfo<T>[] {
  // Cancelled: whoever meets the ticket drops it.
  if (job === undefined) return [];
  const { seq, priority, attempts, maxAttempts, reason, group } = ticketOf(kv);
  const { payload, enqueuedMs, tick } = recordOf(job);
  const known = { id: `${seq}`, state, payload: payload as T, priority, attempts, maxAttempts, reason, group };
  const dueMs = state === 'delayed' ? dueMsAt(kv.key) : undefined;
  return [{ ...known, progress: jsonValue(progress?.value), enqueuedMs, tick, dueMs }];
}

/** Puts a dead letter back at its old place, with all its attempts; false: there is none of that number any more. */
export async function redriveJob({ context, keys }: AdminSite, seq: number, signal: AbortSignal): Promise<boolean> {
  const found = rangeAt(await answered(context, { success: [get(keys.deadOf(seq))] }, signal), 0).kvs[0];
  if (found === undefined) return false;
  const ticket: Ticket = { ...ticketOf(found), attempts: 0 };
  await answered(
    context,
    {
      compare: [modifiedAt(found.key, found.modRevision)],
      success: [remove(found.key), comeBackToGroup(keys, ticket)],
    },
    signal,
  );
  return true;
}

/**
 * Takes a job away for good, whatever its state; false: there is none of that number. Whoever works on it loses it; a
 * ticket that waits is dropped by whoever meets it.
 */
export async function cancelJob({ context, keys }: AdminSite, seq: number, signal: AbortSignal): Promise<boolean> {
  const [job, taken, dead] = [keys.job(seq), keys.takenOf(seq), keys.deadOf(seq)];
  // Bounded by `signal`: each further round means that the job has changed hands, or that an answer was lost.
  for (let seen = false; ; seen = true) {
    const look = await answered(context, { success: [get(job), get(taken)] }, signal);
    const [found, claimed] = [rangeAt(look, 0).kvs[0], rangeAt(look, 1).kvs[0]];
    if (found === undefined) return seen;
    const { kib, dedupe } = recordOf(found);
    const held = claimed && takenOf(claimed);
    const claim = held === undefined ? [] : [remove(taken), remove(held.slot), ...leaveGroup(keys, held)];
    const request = {
      compare: [createdAt(job, found.createRevision), modifiedAt(taken, claimed?.modRevision ?? 0n)],
      success: [...removeJob(keys, { seq, kib, dedupe }), remove(dead), ...claim],
    };
    if (!(await answered(context, request, signal)).succeeded) continue;
    if (held?.group !== undefined) await moveGroupOn(context, keys, held.group, signal);
    return true;
  }
}

export function answered(
  { store, runtime }: SessionContext,
  request: TxnRequest,
  signal: AbortSignal,
): Promise<TxnResponse> {
  return untilAnswered(runtime, signal, () => store.txn(request, { signal }));
}
