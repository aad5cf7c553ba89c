import { type Bytes, utf8Text } from '../../core/bytes.js';
import { isObject } from '../../core/plain.js';

/** Readers of what others wrote: nothing in it can be relied on. */

export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw new Error('no JSON object');
  return value;
}

export function jsonObjectOf(value: Bytes): Readonly<Record<string, unknown>> {
  return objectOf(JSON.parse(utf8Text(value)));
}

/** A string of at least one character, or nothing. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The members of `value` that are strings. */
export function textsOf(value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((each): each is [string, string] => typeof each[1] === 'string'),
  );
}

/** For formats whose metadata knows strings only: anything else goes as its JSON. */
export function stringsOf(metadata: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const entries = Object.entries(metadata);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}
