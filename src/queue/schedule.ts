import { utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { numberOr } from '../core/plain.js';
import { type Rhythm, type RhythmOptions, rhythmOf } from '../cron/rhythm.js';
import type { KeyValue } from '../store/messages.js';
import { jsonObject } from './json.js';
import { type JobOptions, newJob } from './new-job.js';
import { delayLimitMs, oneOf, type QueueSettings } from './options.js';
import { checkSize, type NewJob, sizeOf } from './step.js';

/** What comes of a tick that found nobody to take care of it in time. */
export type MissedPolicy =
  /** It is left out. */
  | 'skip'
  /** However many there are, the last of them is made up for. */
  | 'once';

/** What comes of a tick when the job of an earlier one is still in the queue and no dead letter. */
export type OverlapPolicy =
  /** Another one is added beside it. */
  | 'allow'
  /** The tick is left out. */
  | 'skip'
  /** One is added behind it, in a group; while there is one that nobody has begun, ticks are left out. */
  | 'wait';

export interface ScheduleOptions<T = unknown>
  extends RhythmOptions,
    Pick<JobOptions, 'priority' | 'group' | 'keepResultMs'> {
  readonly payload: T;
  /** Default: `skip`. */
  readonly missed?: MissedPolicy | undefined;
  /** So late a tick is missed, in milliseconds from 1,000 to ten years, for `missed: 'skip'`. Default: 60,000. */
  readonly lateMs?: number | undefined;
  /** Default: `allow`. The others put the jobs into a group of the schedule's own. */
  readonly overlap?: OverlapPolicy | undefined;
}

/** A schedule as it was declared. */
export interface ScheduleSpec {
  readonly rhythm: Rhythm;
  readonly missed: MissedPolicy;
  readonly lateMs: number;
  readonly overlap: OverlapPolicy;
  /** Added at each tick. */
  readonly job: NewJob;
}

/** A schedule as the store has it: what it is, and how far it has come. */
export interface Schedule {
  readonly spec: ScheduleSpec;
  /** The next tick, in milliseconds since 1970; undefined: none comes any more. */
  readonly nextMs: number | undefined;
  /** The last tick that added a job, and that job's number. */
  readonly lastMs: number | undefined;
  readonly lastSeq: number | undefined;
}

const nameLimit = 256;

/** @throws ConclaveError `INVALID_ARGUMENT` */
export function checkScheduleName(name: string): void {
  if (typeof name === 'string' && name !== '' && name.length <= nameLimit && !/\p{Surrogate}/u.test(name)) return;
  throw new ConclaveError('INVALID_ARGUMENT', `a schedule's name is a text of 1 to ${nameLimit} characters`);
}

/** @throws ConclaveError `INVALID_ARGUMENT` */
export function specOf(name: string, options: ScheduleOptions, settings: QueueSettings): ScheduleSpec {
  checkScheduleName(name);
  // Without any it has no rhythm.
  const given = Object(options) as ScheduleOptions;
  const { payload, missed = 'skip', lateMs = 60_000, overlap = 'allow', group, priority, keepResultMs } = given;
  const rhythm = rhythmOf(given);
  oneOf('missed', missed, ['skip', 'once']);
  oneOf('overlap', overlap, ['allow', 'skip', 'wait']);
  if (!(typeof lateMs === 'number' && lateMs >= 1_000 && lateMs <= delayLimitMs)) {
    throw new ConclaveError('INVALID_ARGUMENT', `lateMs must be from 1000 to ${delayLimitMs}, got ${String(lateMs)}`);
  }
  if (group !== undefined && overlap !== 'allow') {
    throw new ConclaveError('INVALID_ARGUMENT', `overlap: '${overlap}' takes a group of its own`);
  }
  const ownGroup = overlap === 'allow' ? group : groupOf(name);
  const job = newJob(payload, { priority, keepResultMs, group: ownGroup }, settings, undefined);
  checkSize(sizeOf([job]), settings);
  return { rhythm, missed, lateMs, overlap, job };
}

/** Of the jobs of one schedule that are not to overlap. */
export function groupOf(name: string): string {
  return `schedule/${name}`;
}

/** As JSON, the same for equal specifications. */
export function encodeSpec({ rhythm, missed, lateMs, overlap, job }: ScheduleSpec): string {
  const { payload, priority, maxAttempts, group, resultMs, kib } = job;
  const head = { rhythm, missed, lateMs, overlap, job: { priority, maxAttempts, group, resultMs, kib } };
  return `${JSON.stringify(head).slice(0, -1)},"payload":${payload}}`;
}

export function encodeSchedule({ spec, nextMs, lastMs, lastSeq }: Schedule): string {
  return `${JSON.stringify({ nextMs, lastMs, lastSeq, spec: 0 }).slice(0, -2)}${encodeSpec(spec)}}`;
}

/** Undefined for what is none: foreign values decide nothing. */
export function scheduleOf(kv: KeyValue): Schedule | undefined {
  const { nextMs, lastMs, lastSeq, spec } = jsonObject(kv.value);
  const { rhythm, missed, lateMs, overlap, job, payload } = Object(spec) as Record<string, unknown>;
  const { priority, maxAttempts, group, resultMs, kib } = Object(job) as Record<string, unknown>;
  if (payload === undefined || maxAttempts === undefined) return undefined;
  try {
    return {
      nextMs: numberOr(nextMs, undefined),
      lastMs: numberOr(lastMs, undefined),
      lastSeq: numberOr(lastSeq, undefined),
      spec: {
        rhythm: rhythmOf(Object(rhythm)),
        missed: missed === 'once' ? 'once' : 'skip',
        lateMs: numberOr(lateMs, 60_000),
        overlap: overlap === 'skip' || overlap === 'wait' ? overlap : 'allow',
        job: {
          payload: JSON.stringify(payload),
          priority: numberOr(priority, 0),
          maxAttempts: numberOr(maxAttempts, 1),
          delayMs: 0,
          dedupe: undefined,
          group: typeof group === 'string' ? group : undefined,
          resultMs: numberOr(resultMs, undefined),
          kib: numberOr(kib, 1),
        },
      },
    };
  } catch (error) {
    if (!ConclaveError.is(error)) throw error;
    return undefined;
  }
}

/** The schedule's name, from its key below `folder`. */
export function scheduleNameOf(kv: KeyValue, folder: string): string {
  return decodeURIComponent(utf8Text(kv.key).slice(folder.length));
}
