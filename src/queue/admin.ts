import { utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { SessionContext } from '../lease/session.js';
import type { KeyValue, TxnRequest, TxnResponse } from '../store/messages.js';
import { get, rangeAt } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { jsonValue } from './json.js';
import { below, dueMsAt, keyAfter, type QueueKeys, seqAt } from './keys.js';
import { recordOf, type Tick } from './record.js';
import { perAnswer, ticketOf } from './ticket.js';

export type JobState = 'ready' | 'delayed' | 'waiting' | 'claimed' | 'dead';

export const jobStates: readonly JobState[] = ['ready', 'delayed', 'waiting', 'claimed', 'dead'];

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

/** @throws ConclaveError `INVALID_ARGUMENT` */
export function checkState(state: JobState): void {
  if (jobStates.includes(state)) return;
  throw new ConclaveError('INVALID_ARGUMENT', `a job is ${jobStates.join(', ')}, never ${String(state)}`);
}

/** The first jobs of a state, in the order in which their turn comes. */
export async function listJobs<T>(
  { context, keys }: AdminSite,
  state: JobState,
  limit: number,
  signal: AbortSignal,
): Promise<readonly JobInfo<T>[]> {
  const { store, runtime } = context;
  const span = below(folderOf(keys, state));
  const infos: JobInfo<T>[] = [];
  // One walk over the keys: not each of them is a job that is still there.
  for (let from = span.key; infos.length < limit; ) {
    const count = Math.min(limit - infos.length, ticketsPerRequest);
    const request = { ...span, key: from, limit: BigInt(count) };
    const { kvs } = await untilAnswered(runtime, signal, () => store.range(request, { signal }));
    const tickets = kvs.filter(({ key }) => utf8Text(key) !== keys.paused);
    infos.push(...(await infosOf<T>({ context, keys }, state, tickets, signal)));
    const last = kvs.at(-1);
    if (last === undefined || kvs.length < count) break;
    from = keyAfter(last.key);
  }
  return infos;
}

const ticketsPerRequest = 500;

const recordsPerRequest = 16;

async function infosOf<T>(
  { context, keys }: AdminSite,
  state: JobState,
  tickets: readonly KeyValue[],
  signal: AbortSignal,
): Promise<JobInfo<T>[]> {
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

function infoOf<T>(
  state: JobState,
  kv: KeyValue,
  job: KeyValue | undefined,
  progress: KeyValue | undefined,
): JobInfo<T>[] {
  // Gone meanwhile.
  if (job === undefined) return [];
  const { seq, priority, attempts, maxAttempts, reason, group } = ticketOf(kv);
  const { payload, enqueuedMs, tick } = recordOf(job);
  const known = { id: `${seq}`, state, payload: payload as T, priority, attempts, maxAttempts, reason, group };
  const dueMs = state === 'delayed' ? dueMsAt(kv.key) : undefined;
  return [{ ...known, progress: jsonValue(progress?.value), enqueuedMs, tick, dueMs }];
}

export function answered(
  { store, runtime }: SessionContext,
  request: TxnRequest,
  signal: AbortSignal,
): Promise<TxnResponse> {
  return untilAnswered(runtime, signal, () => store.txn(request, { signal }));
}
