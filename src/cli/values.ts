import { InvalidArgumentError } from 'commander';
import { ConclaveError } from '../core/errors.js';
import { ttlSeconds } from '../lease/ttl.js';

const unitsMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** `1500ms`, `2.5s`, `1m`, `1h`, or a bare number of milliseconds. */
export function durationMs(text: string): number {
  return duration(text, 'ms');
}

/** A time to live: a bare number of seconds, as etcdctl takes it, or a duration with its unit. */
export function ttlMs(text: string): number {
  const value = duration(text, 's');
  try {
    ttlSeconds(value);
  } catch (error) {
    if (!ConclaveError.is(error)) throw error;
    throw new InvalidArgumentError('A lease lives from 1 s to 9000000000 s.');
  }
  return value;
}

/** A whole number, as a candidate's priority. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('Not a whole number.');
  return value;
}

/** A lock's or election's name. */
export function name(text: string): string {
  if (text === '') throw new InvalidArgumentError('A name has at least one character.');
  return text;
}

/** A fence, as `inspect` and `$CONCLAVE_LOCK_FENCE` show it. */
export function fence(text: string): bigint {
  if (!/^[1-9]\d{0,18}$/.test(text)) throw new InvalidArgumentError('A fence is a positive whole number.');
  return BigInt(text);
}

/** A whole number above 0. */
export function count(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Not a whole number above 0.');
  return Number(text);
}

/** `key=value`, added to what was given before. */
export function metadata(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Not key=value.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

function duration(text: string, bareUnit: keyof typeof unitsMs): number {
  const [, amount, unit = bareUnit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  if (amount === undefined) throw new InvalidArgumentError(`Not a duration, as 10s or 500ms.`);
  return Number(amount) * unitsMs[unit as keyof typeof unitsMs];
}
