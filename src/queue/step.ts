import { numberOr } from '../core/plain.js';
import type { Runtime } from '../core/runtime.js';
import type { SessionContext } from '../lease/session.js';
import type { RequestOp, TxnRequest, TxnResponse } from '../store/messages.js';
import { createdAt, get, modifiedAt, put, rangeAt } from '../store/ops.js';
import { untilAnswered } from '../store/repeat.js';
import { type Gone, goneOf } from './gone.js';
import { comeForward } from './group.js';
import { jsonObject } from './json.js';
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

/** Where jobs are added. */
export interface StepSite {
  readonly keys: QueueKeys;
  readonly settings: QueueSettings;
}

/** What was ever added, and what of it is gone. */
export interface QueueEnd {
  readonly tail: Tail;
  readonly gone: Gone;
}

export function sizeOf(jobs: readonly NewJob[]): Size {
  return { jobs: jobs.length, kib: jobs.reduce((sum, { kib }) => sum + kib, 0) };
}

/** Exact as far as it refuses nothing too little: `gone` only grows, and the tail is what the step is guarded by. */
export function fits({ tail, gone }: QueueEnd, more: Size, { settings }: StepSite): boolean {
  return tail.jobs - gone.jobs + more.jobs <= settings.maxJobs && tail.kib - gone.kib + more.kib <= settings.maxKib;
}

export async function readEnd(
  { store, runtime }: SessionContext,
  keys: QueueKeys,
  signal: AbortSignal,
): Promise<QueueEnd> {
  const request = { success: [get(keys.tail), countsOf(keys)] };
  const txn = await untilAnswered(runtime, signal, () => store.txn(request, { signal }));
  return { tail: tailOf(rangeAt(txn, 0).kvs[0]), gone: goneOf(rangeAt(txn, 1).kvs) };
}

/** Guarded by the tail as it was: that can be true once only, however often the request arrives. */
export function stepTxn(
  { keys }: StepSite,
  jobs: readonly NewJob[],
  maker: string,
  tail: Tail,
  runtime: Runtime,
): TxnRequest {
  const nowMs = Math.round(runtime.wallMs());
  const dedupes = jobs.flatMap(({ dedupe }) => (dedupe === undefined ? [] : [keys.dedupeOf(dedupe)]));
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
  const found = txn.responses.slice(3).flatMap((_, i) => rangeAt(txn, i + 3).kvs);
  return new Map(
    found.map(({ value }): [string, number] => {
      const { key, seq } = jsonObject(value);
      return [String(key), numberOr(seq, 0)];
    }),
  );
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
  const { payload, delayMs, dedupe, kib, group, tick, ...rest } = job;
  const ticket: Ticket = { ...rest, seq, attempts: 0, dedupe, kib, group };
  return [
    put(keys.job(seq), encodeRecord(payload, { enqueuedMs: nowMs, maker, kib, dedupe, tick })),
    placeOf(keys, ticket, delayMs, nowMs, groups),
    ...(dedupe === undefined ? [] : [put(keys.dedupeOf(dedupe), JSON.stringify({ key: dedupe, seq }))]),
  ];
}

function placeOf(keys: QueueKeys, ticket: Ticket, delayMs: number, nowMs: number, groups: Set<string>): RequestOp {
  const { seq, group } = ticket;
  if (delayMs > 0) return put(keys.delayedOf(seq, nowMs + Math.ceil(delayMs)), encodeTicket({ ...ticket, delayMs }));
  if (group === undefined || !groups.has(group)) {
    if (group !== undefined) groups.add(group);
    return comeForward(keys, ticket);
  }
  return put(keys.waitingOf(group, seq), encodeTicket(ticket));
}

function countsOf(keys: QueueKeys): RequestOp {
  return { type: 'range', request: below(keys.gone) };
}
