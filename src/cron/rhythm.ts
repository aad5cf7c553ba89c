import { Cron } from 'croner';
import { ConclaveError } from '../core/errors.js';
import { assertWhole } from '../core/whole.js';

/** When something is to happen again and again. */
export type Rhythm =
  /** A cron expression, read in a time zone. */
  | { readonly cron: string; readonly timeZone: string }
  /** At whole multiples of so many milliseconds since 1970, so that all who are asked say the same. */
  | { readonly everyMs: number };

export interface RhythmOptions {
  /** A cron expression of five fields, or six with seconds in front, as npm `croner` reads it; or `everyMs`. */
  readonly cron?: string | undefined;
  /** In which the expression is read, an IANA name. Default: UTC, whatever the zone of the process. */
  readonly timeZone?: string | undefined;
  /** A whole number of milliseconds, at least 1,000: ticks at its multiples since 1970. */
  readonly everyMs?: number | undefined;
}

/** Ten years. */
const everyLimitMs = 315_360_000_000;

/** @throws ConclaveError `INVALID_ARGUMENT` unless there is one rhythm, which can be read. */
export function rhythmOf({ cron, timeZone, everyMs }: RhythmOptions): Rhythm {
  if ((cron === undefined) === (everyMs === undefined)) {
    throw new ConclaveError('INVALID_ARGUMENT', 'a schedule has either `cron` or `everyMs`');
  }
  if (cron === undefined) {
    if (timeZone !== undefined) throw new ConclaveError('INVALID_ARGUMENT', '`timeZone` goes with `cron`');
    return { everyMs: checkEvery(everyMs as number) };
  }
  if (typeof cron !== 'string' || cron.includes(':')) {
    throw new ConclaveError('INVALID_ARGUMENT', `no cron expression: ${String(cron)}`);
  }
  const rhythm = { cron, timeZone: timeZone ?? 'UTC' };
  try {
    // Reads the zone as well.
    nextRun(rhythm, 0);
  } catch (error) {
    throw new ConclaveError('INVALID_ARGUMENT', (error as Error).message, { cause: error });
  }
  return rhythm;
}

function checkEvery(everyMs: number): number {
  assertWhole('everyMs', everyMs, 1_000);
  if (everyMs <= everyLimitMs) return everyMs;
  throw new ConclaveError('INVALID_ARGUMENT', `everyMs must be at most ${everyLimitMs}, got ${everyMs}`);
}

/** The first tick after `afterMs`, in milliseconds since 1970; undefined: there is none any more. */
export function nextTick(rhythm: Rhythm, afterMs: number): number | undefined {
  if ('everyMs' in rhythm) return (Math.floor(afterMs / rhythm.everyMs) + 1) * rhythm.everyMs;
  // In the hour that is there twice when the clocks are set back, croner's answer may lie before the question.
  for (let askedMs = afterMs; askedMs <= afterMs + longestFoldMs; askedMs += foldStepMs) {
    const foundMs = nextRun(rhythm, askedMs);
    if (foundMs === undefined || foundMs > afterMs) return foundMs;
  }
  return undefined;
}

/** Zones have set their clocks back by three hours at most, in multiples of a quarter of an hour. */
const longestFoldMs = 4 * 3_600_000;
const foldStepMs = 900_000;

/** The last tick up to `nowMs`, given one, `tickMs`, that is not later. Clocks may tell parts of a millisecond. */
export function lastTick(rhythm: Rhythm, tickMs: number, nowMs: number): number {
  if ('everyMs' in rhythm) return Math.floor(nowMs / rhythm.everyMs) * rhythm.everyMs;
  // After `from` there is one that is due, after `to` there is none: halved, a year of minutes takes 35 questions, not
  // 525,600.
  let [from, to] = [Math.floor(tickMs) - 1, Math.ceil(nowMs)];
  if (!isDue(rhythm, tickMs, nowMs)) return tickMs;
  while (to - from > 1) {
    const middle = from + Math.floor((to - from) / 2);
    if (isDue(rhythm, middle, nowMs)) from = middle;
    else to = middle;
  }
  return nextTick(rhythm, from) as number;
}

/** Whether a tick after `afterMs` has come by `nowMs`. */
function isDue(rhythm: Rhythm, afterMs: number, nowMs: number): boolean {
  const next = nextTick(rhythm, afterMs);
  return next !== undefined && next <= nowMs;
}

/** Croner is asked for times only: it starts no timer, and never looks at the clock. */
function nextRun({ cron, timeZone }: { cron: string; timeZone: string }, afterMs: number): number | undefined {
  return new Cron(cron, { paused: true, timezone: timeZone }).nextRun(new Date(afterMs))?.getTime();
}
