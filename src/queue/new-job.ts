import { utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { priorityLimit } from './keys.js';
import { checkDelay, type QueueSettings } from './options.js';
import type { NewJob } from './step.js';

export interface JobOptions {
  /** A whole number from -999 to 999; higher goes first. Default: 0. */
  readonly priority?: number | undefined;
  /** Milliseconds before which it is not handed out, counted by wall clocks: README.md. Default: 0. */
  readonly delayMs?: number | undefined;
  /** What to do when the queue is full: fail with `RESOURCE_EXHAUSTED`, or wait for room. Default: `reject`. */
  readonly whenFull?: 'reject' | 'wait' | undefined;
}

const dedupeKeyLimit = 512;

/** @throws ConclaveError `INVALID_ARGUMENT` for whatever cannot be a job of this queue. */
export function newJob(
  payload: unknown,
  { priority = 0, delayMs = 0 }: JobOptions,
  { maxAttempts, maxJobKib }: QueueSettings,
  dedupe: string | undefined,
): NewJob {
  if (!Number.isInteger(priority) || Math.abs(priority) > priorityLimit) {
    const message = `priority must be a whole number from -${priorityLimit} to ${priorityLimit}, got ${priority}`;
    throw new ConclaveError('INVALID_ARGUMENT', message);
  }
  checkDelay(delayMs);
  if (dedupe !== undefined) checkDedupeKey(dedupe);
  const json = jsonOf(payload);
  const kib = Math.max(1, Math.ceil(utf8(json).length / 1024));
  if (kib > maxJobKib) {
    throw new ConclaveError('INVALID_ARGUMENT', `a job of ${kib} KiB, at most ${maxJobKib}`);
  }
  return { payload: json, priority, maxAttempts, delayMs, dedupe, kib };
}

function checkDedupeKey(key: string): void {
  const isText = typeof key === 'string' && key !== '' && key.length <= dedupeKeyLimit && isWellFormed(key);
  if (isText) return;
  throw new ConclaveError('INVALID_ARGUMENT', `a dedupe key is a text of 1 to ${dedupeKeyLimit} characters`);
}

/** Whether it has a form in UTF-8. */
function isWellFormed(text: string): boolean {
  return utf8Text(utf8(text)) === text;
}

function jsonOf(payload: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(payload);
  } catch (error) {
    throw new ConclaveError('INVALID_ARGUMENT', `a job must be JSON: ${(error as Error).message}`, { cause: error });
  }
  if (json === undefined) throw new ConclaveError('INVALID_ARGUMENT', 'a job must be JSON: this is undefined');
  return json;
}
