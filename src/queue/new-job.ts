import { utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { jsonOf, kibOf } from './json.js';
import { priorityLimit } from './keys.js';
import { checkDelay, delayLimitMs, oneOf, type QueueSettings } from './options.js';
import type { NewJob } from './step.js';

export interface JobOptions {
  /** A whole number from -999 to 999; higher goes first. Default: 0. */
  readonly priority?: number | undefined;
  /** Milliseconds before which it is not handed out, counted by wall clocks: README.md. Default: 0. */
  readonly delayMs?: number | undefined;
  /**
   * Jobs of one group are done one at a time, in the order of their numbers: one that fails holds up those behind it.
   * A text of 1 to 512 characters. Default: none.
   */
  readonly group?: string | undefined;
  /** How long what its handler returned can be asked for, in milliseconds, at least 60,000. Default: not at all. */
  readonly keepResultMs?: number | undefined;
  /** What to do when the queue is full: fail with `RESOURCE_EXHAUSTED`, or wait for room. Default: `reject`. */
  readonly whenFull?: 'reject' | 'wait' | undefined;
}

/** Of a dedupe key or group. */
const keyLimit = 512;

/** @throws ConclaveError `INVALID_ARGUMENT` for whatever cannot be a job of this queue. */
export function newJob(
  payload: unknown,
  { priority = 0, delayMs = 0, group, keepResultMs, whenFull = 'reject' }: JobOptions,
  { maxAttempts, maxJobKib }: QueueSettings,
  dedupe: string | undefined,
): NewJob {
  if (!Number.isInteger(priority) || Math.abs(priority) > priorityLimit) {
    const message = `priority must be a whole number from -${priorityLimit} to ${priorityLimit}, got ${priority}`;
    throw new ConclaveError('INVALID_ARGUMENT', message);
  }
  checkDelay(delayMs);
  if (dedupe !== undefined) checkKey('a dedupe key', dedupe);
  if (group !== undefined) checkKey('a group', group);
  if (keepResultMs !== undefined) checkResultMs(keepResultMs);
  oneOf('whenFull', whenFull, ['reject', 'wait']);
  const json = jsonOf(payload, 'a job', maxJobKib);
  return {
    payload: json,
    priority,
    maxAttempts,
    delayMs,
    dedupe,
    group,
    resultMs: keepResultMs,
    kib: kibOf(json),
  };
}

function checkResultMs(ms: number): void {
  if (typeof ms === 'number' && ms >= 60_000 && ms <= delayLimitMs) return;
  throw new ConclaveError('INVALID_ARGUMENT', `keepResultMs must be from 60000 to ${delayLimitMs}, got ${String(ms)}`);
}

function checkKey(what: string, key: string): void {
  const isText = typeof key === 'string' && key !== '' && key.length <= keyLimit && isWellFormed(key);
  if (isText) return;
  throw new ConclaveError('INVALID_ARGUMENT', `${what} is a text of 1 to ${keyLimit} characters`);
}

/** Whether it has a form in UTF-8. */
function isWellFormed(text: string): boolean {
  return utf8Text(utf8(text)) === text;
}
