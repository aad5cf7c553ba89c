import { pause } from '../core/abort.js';
import { randomHex } from '../core/runtime.js';
import { lastTick, nextTick } from '../cron/rhythm.js';
import type { KeyValue, TxnRequest } from '../store/messages.js';
import { get, modifiedAt, put, rangeAt } from '../store/ops.js';
import { type AdminSite, answered } from './admin.js';
import { goneOf } from './gone.js';
import { below } from './keys.js';
import { encodeSchedule, groupOf, type Schedule, scheduleNameOf, scheduleOf } from './schedule.js';
import { fits, type QueueEnd, type QueueLimits, sizeOf, stepTxn } from './step.js';
import { tailOf } from './tail.js';

/** How often a tick looks whether a full queue has room again. */
const roomAgainMs = 1_000;

type TickSite = AdminSite & { readonly settings: QueueLimits };

/** How things stand when a tick is due. */
interface Look {
  readonly end: QueueEnd;
  /** Whether the job of an earlier tick is neither done nor dead, and whether there is one that nobody has begun. */
  readonly isBusy: boolean;
  readonly isWaiting: boolean;
}

/**
 * Adds the job of the last tick that is due, or leaves the tick out, and moves the schedule on, all in one txn guarded
 * by the schedule as `seen`: whoever else ticks, it is done once, and never again. A tick that finds the queue full
 * waits for room, until it is missed.
 */
export async function tick(site: TickSite, seen: KeyValue, signal: AbortSignal): Promise<void> {
  const { context, keys } = site;
  const name = scheduleNameOf(seen, keys.schedules);
  let kv: KeyValue | undefined = seen;
  // Bounded by `signal`: each further round means that the queue is full, or that somebody else has changed its end.
  while (kv !== undefined) {
    const schedule = scheduleOf(kv);
    const nowMs = context.runtime.wallMs();
    if (schedule?.nextMs === undefined || schedule.nextMs > nowMs) return;
    const dueMs = lastTick(schedule.spec.rhythm, schedule.nextMs, nowMs);
    const look = await lookAround(site, name, schedule, signal);
    const isLeftOut = isMissed(schedule, nowMs - dueMs) || overlaps(schedule, look);
    if (!isLeftOut && !fits(look.end, sizeOf([schedule.spec.job]), site.settings)) {
      await pause(context.runtime, roomAgainMs, signal);
      kv = rangeAt(await answered(context, { success: [get(kv.key)] }, signal), 0).kvs[0];
      continue;
    }
    const request = isLeftOut ? moveOn(kv, schedule, dueMs) : addJob(site, name, kv, schedule, dueMs, look.end);
    const txn = await answered(context, request, signal);
    kv = txn.succeeded ? undefined : rangeAt(txn, 0).kvs[0];
  }
}

async function lookAround(
  { context, keys }: TickSite,
  name: string,
  { spec, lastSeq = 0 }: Schedule,
  signal: AbortSignal,
): Promise<Look> {
  const group = groupOf(name);
  const last = { seq: lastSeq, priority: spec.job.priority };
  const waiting = { ...below(keys.waitingIn(group)), limit: 1n, keysOnly: true };
  const request: TxnRequest = {
    success: [
      get(keys.tail),
      { type: 'range', request: below(keys.gone) },
      get(keys.busyOf(group)),
      get(keys.vacantOf(group)),
      { type: 'range', request: waiting },
      get(keys.readyOf(last), { keysOnly: true }),
      get(keys.backOf(last), { keysOnly: true }),
    ],
  };
  const txn = await answered(context, request, signal);
  const [tail, gone, busy, vacant, ...unbegun] = [0, 1, 2, 3, 4, 5, 6].map((i) => rangeAt(txn, i).kvs);
  return {
    end: { tail: tailOf(tail?.[0]), gone: goneOf(gone ?? []) },
    isBusy: [busy, vacant].some((kvs) => kvs?.[0] !== undefined),
    isWaiting: unbegun.some((kvs) => kvs?.[0] !== undefined),
  };
}

function isMissed({ spec }: Schedule, lateMs: number): boolean {
  return spec.missed === 'skip' && lateMs > spec.lateMs;
}

function overlaps({ spec }: Schedule, { isBusy, isWaiting }: Look): boolean {
  return (spec.overlap === 'skip' && isBusy) || (spec.overlap === 'wait' && isWaiting);
}

/** The tick of `dueMs` and those before it are left out. */
function moveOn(kv: KeyValue, schedule: Schedule, dueMs: number): TxnRequest {
  const moved = { ...schedule, nextMs: nextTick(schedule.spec.rhythm, dueMs) };
  return {
    compare: [modifiedAt(kv.key, kv.modRevision)],
    success: [put(kv.key, encodeSchedule(moved))],
    failure: [get(kv.key)],
  };
}

/** One step of the queue with the one job of the tick. */
function addJob(
  site: TickSite,
  name: string,
  kv: KeyValue,
  schedule: Schedule,
  dueMs: number,
  { tail }: QueueEnd,
): TxnRequest {
  const { runtime } = site.context;
  const job = { ...schedule.spec.job, tick: { schedule: name, atMs: dueMs } };
  const step = stepTxn(site.keys, [job], randomHex(runtime).slice(0, 8), tail, runtime);
  const moved = moveOn(kv, { ...schedule, lastMs: dueMs, lastSeq: tail.seq + 1 }, dueMs);
  return {
    compare: [...(moved.compare ?? []), ...(step.compare ?? [])],
    success: [...(moved.success ?? []), ...(step.success ?? [])],
    failure: moved.failure,
  };
}
