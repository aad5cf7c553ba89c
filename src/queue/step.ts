import { ConclaveError } from '../core/errors.js';
import type { Runtime } from '../core/runtime.js';
import type { SessionContext } from '../lease/session.js';
import type { RequestOp, TxnRequest, TxnResponse } from '../store/messages.js';
import { createdAt, get, modifiedAt, put, rangeAt, rangesFrom } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { keptIn, takeKey } from './dedupe.js';
import { type Gone, goneOf } from './gone.js';
import { comeForward } from './group.js';
import { below, type QueueKeys } from './keys.js';
import type { QueueSettings } from './options.js';
import { encodeRecord, type Tick } from './record.js';
import { nextTail, type Tail, tailOf } from './tail.js';
import { encodeTicket, type Ticket } from './ticket.js';

/** A job that has no number yet. */
export interface NewJob {
  /** As JSON. */
  readonly payload: string;
  readonly priority: number;
  readonly maxAttempts: number;
  /** 0: at once. */
  readonly delayMs: number;
  readonly dedupe: string | undefined;
  readonly group: string | undefined;
  /** How long its result is kept once it is done; undefined: not at all. */
  readonly resultMs: number | undefined;
  readonly kib: number;
  /** The tick that it is for, of a schedule. */
  readonly tick?: Tick | undefined;
}

export interface Size {
  readonly jobs: number;
  readonly kib: number;
}

/** How much a queue holds at most. */
export type QueueLimits = Pick<QueueSettings, 'maxJobs' | 'maxKib'>;

/** What was ever added, and what of it is gone. */
export interface QueueEnd {
  readonly tail: Tail;
  readonly gone: Gone;
}

export function sizeOf(jobs: readonly NewJob[]): Size {
  return { jobs: jobs.length, kib: jobs.reduce((sum, { kib }) => sum + kib, 0) };
}

/** Exact as far as it refuses nothing too little: `gone` only grows, and the tail is what the step is guarded by. */
export function fits({ tail, gone }: QueueEnd, more: Size, { maxJobs, maxKib }: QueueLimits): boolean {
  return tail.jobs - gone.jobs + more.jobs <= maxJobs && tail.kib - gone.kib + more.kib <= maxKib;
}

/** @throws ConclaveError `INVALID_ARGUMENT` for what an empty queue has no room for: whoever waited would for ever. */
export function checkSize({ jobs, kib }: Size, { maxJobs, maxKib }: QueueLimits): void {
  if (jobs <= maxJobs && kib <= maxKib) return;
  const message = `a queue of ${maxJobs} jobs and ${maxKib} KiB never has room for ${jobs} of ${kib} KiB`;
  throw new ConclaveError('INVALID_ARGUMENT', message);
}

/** The end of the queue, and which of the jobs' dedupe keys others have. */
export async function readEnd(
  { store, runtime }: SessionContext,
  keys: QueueKeys,
  jobs: readonly NewJob[],
  signal: AbortSignal,
): Promise<{ readonly end: QueueEnd; readonly there: ReadonlyMap<string, number> }> {
  const request = { success: [get(keys.tail), countsOf(keys), ...dedupesOf(keys, jobs).map((key) => get(key))] };
  const txn = await untilAnswered(runtime, signal, () => store.txn(request, { signal }));
  return {
    end: { tail: tailOf(rangeAt(txn, 0).kvs[0]), gone: goneOf(rangeAt(txn, 1).kvs) },
    there: keptIn(rangesFrom(txn, 2).flatMap(({ kvs }) => kvs)),
  };
}

/** Guarded by the tail as it was: that can be true once only, however often the request arrives. */
export function stepTxn(
  keys: QueueKeys,
  jobs: readonly NewJob[],
  maker: string,
  tail: Tail,
  runtime: Runtime,
): TxnRequest {
  const nowMs = Math.round(runtime.wallMs());
  const dedupes = dedupesOf(keys, jobs);
  const groups = new Set<string>();
  const puts = jobs.flatMap((job, i) => putsOf(keys, job, tail.seq + 1 + i, nowMs, maker, groups));
  return {
    compare: [modifiedAt(keys.tail, tail.revision), ...dedupes.map((key) => createdAt(key, 0n))],
    success: [put(keys.tail, nextTail(tail, maker, sizeOf(jobs))), ...puts],
    failure: [get(keys.tail), countsOf(keys), get(keys.job(tail.seq + 1)), ...dedupes.map((key) => get(key))],
  };
}

/** The numbers of the jobs that have the dedupe keys already, from the else of `stepTxn`. */
export function duplicatesIn(txn: TxnResponse): ReadonlyMap<string, number> {
  return keptIn(rangesFrom(txn, 3).flatMap(({ kvs }) => kvs));
}

/** `groups` are those of the jobs before it in this step, which nobody has settled by then. */
function putsOf(
  keys: QueueKeys,
  job: NewJob,
  seq: number,
  nowMs: number,
  maker: string,
  groups: Set<string>,
): RequestOp[] {
  const { payload, delayMs, tick, ...rest } = job;
  const { priority, dedupe, group, kib } = job;
  const ticket: Ticket = { ...rest, seq, attempts: 0 };
  const dueMs = delayMs > 0 ? nowMs + Math.ceil(delayMs) : undefined;
  return [
    put(keys.job(seq), encodeRecord(payload, { enqueuedMs: nowMs, maker, kib, dedupe, priority, group, dueMs, tick })),
    dueMs === undefined
      ? placeOf(keys, ticket, groups)
      : put(keys.delayedOf(seq, dueMs), encodeTicket({ ...ticket, delayMs })),
    ...(dedupe === undefined ? [] : [takeKey(keys, { seq, dedupe })]),
  ];
}

function placeOf(keys: QueueKeys, ticket: Ticket, groups: Set<string>): RequestOp {
  const { seq, group } = ticket;
  if (group === undefined || !groups.has(group)) {
    if (group !== undefined) groups.add(group);
    return comeForward(keys, ticket);
  }
  return put(keys.waitingOf(group, seq), encodeTicket(ticket));
}

function dedupesOf(keys: QueueKeys, jobs: readonly NewJob[]): string[] {
  return jobs.flatMap(({ dedupe }) => (dedupe === undefined ? [] : [keys.dedupeOf(dedupe)]));
}

function countsOf(keys: QueueKeys): RequestOp {
  return { type: 'range', request: below(keys.gone) };
}
