import { ConclaveError } from '../core/errors.js';
import { randomHex } from '../core/runtime.js';
import { nextTick, type Rhythm } from '../cron/rhythm.js';
import type { KeyValue } from '../store/messages.js';
import { createdAt, get, modifiedAt, put, rangeAt, remove } from '../store/ops.js';
import { type AdminSite, answered } from './admin.js';
import { below } from './keys.js';
import { said } from './requests.js';
import {
  encodeSchedule,
  encodeSpec,
  type MissedPolicy,
  type OverlapPolicy,
  type Schedule,
  type ScheduleSpec,
  scheduleNameOf,
  scheduleOf,
} from './schedule.js';

/** A schedule as others see it. */
export interface ScheduleInfo<T = unknown> {
  readonly name: string;
  readonly cron: string | undefined;
  readonly timeZone: string | undefined;
  readonly everyMs: number | undefined;
  readonly missed: MissedPolicy;
  readonly lateMs: number;
  readonly overlap: OverlapPolicy;
  readonly payload: T;
  /** The next tick, in milliseconds since 1970; undefined: none comes any more. */
  readonly nextMs: number | undefined;
  /** The last tick that added a job, and that job's id. */
  readonly lastMs: number | undefined;
  readonly lastId: string | undefined;
}

/**
 * Makes the schedule what `spec` says, and leaves it alone if it is that already: what was missed stays missed. Another
 * rhythm starts now, and never at a tick that was.
 */
export async function declareSchedule<T>(
  { context, keys }: AdminSite,
  name: string,
  spec: ScheduleSpec,
  signal: AbortSignal,
): Promise<ScheduleInfo<T>> {
  const key = keys.scheduleOf(name);
  // Bounded by `signal`: each further round means that somebody else has changed the schedule, or that it has ticked.
  for (;;) {
    const look = await answered(context, { success: [get(key), get(keys.switch)] }, signal);
    const [found, word] = [0, 1].map((i) => rangeAt(look, i).kvs[0]);
    const before = found && scheduleOf(found);
    if (before !== undefined && encodeSpec(before.spec) === encodeSpec(spec)) return infoOf(name, before);
    const { lastMs, lastSeq } = before ?? {};
    const keepsTime = before !== undefined && sameRhythm(before.spec.rhythm, spec.rhythm);
    const nextMs = keepsTime ? before.nextMs : nextTick(spec.rhythm, Math.max(context.runtime.wallMs(), lastMs ?? 0));
    if (nextMs === undefined) throw new ConclaveError('INVALID_ARGUMENT', 'the schedule never ticks');
    const schedule = { spec, nextMs, lastMs, lastSeq };
    // That there is none may be so again, when it was ended: one that is made needs a word that is never taken back.
    const isFirst = found === undefined ? [modifiedAt(keys.switch, word?.modRevision ?? 0n)] : [];
    const says = found === undefined ? [put(keys.switch, said(word, randomHex(context.runtime)))] : [];
    const request = {
      compare: [modifiedAt(key, found?.modRevision ?? 0n), ...isFirst],
      success: [put(key, encodeSchedule(schedule)), ...says],
    };
    if ((await answered(context, request, signal)).succeeded) return infoOf(name, schedule);
  }
}

function sameRhythm(one: Rhythm, other: Rhythm): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

export async function listSchedules<T>(
  { context, keys }: AdminSite,
  signal: AbortSignal,
): Promise<readonly ScheduleInfo<T>[]> {
  const all = { type: 'range', request: below(keys.schedules) } as const;
  const { kvs } = rangeAt(await answered(context, { success: [all] }, signal), 0);
  return kvs.flatMap((kv: KeyValue) => {
    const schedule = scheduleOf(kv);
    return schedule === undefined ? [] : [infoOf<T>(scheduleNameOf(kv, keys.schedules), schedule)];
  });
}

/** Ends a schedule; false: there is none of that name. Jobs that it has added stay. */
export async function removeSchedule(
  { context, keys }: AdminSite,
  name: string,
  signal: AbortSignal,
): Promise<boolean> {
  const key = keys.scheduleOf(name);
  const found = rangeAt(await answered(context, { success: [get(key, { keysOnly: true })] }, signal), 0).kvs[0];
  if (found === undefined) return false;
  // One that is made anew meanwhile is another one.
  const request = { compare: [createdAt(key, found.createRevision)], success: [remove(key)] };
  await answered(context, request, signal);
  return true;
}

function infoOf<T>(name: string, { spec, nextMs, lastMs, lastSeq }: Schedule): ScheduleInfo<T> {
  const { rhythm, missed, lateMs, overlap, job } = spec;
  const { cron, timeZone, everyMs } = rhythm as Partial<Record<string, string>> & { readonly everyMs?: number };
  const lastId = lastSeq?.toString();
  const payload = JSON.parse(job.payload) as T;
  return { name, cron, timeZone, everyMs, missed, lateMs, overlap, payload, nextMs, lastMs, lastId };
}
