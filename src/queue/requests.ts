import type { KeyValue } from '../store/messages.js';
import { jsonObject } from './json.js';

/** Requests that others may make between one and its repetition, whose answer was lost. */
const kept = 32;

/** The nonces of the last requests that have changed the key, the last one first. */
export function requestsIn(kv: KeyValue | undefined): readonly unknown[] {
  const { by } = jsonObject(kv?.value);
  return Array.isArray(by) ? by : [by];
}

/** What is said of the queue as a whole, once `by` has said more of it. */
export function said(word: KeyValue | undefined, by: string, more: { readonly paused?: boolean } = {}): string {
  return JSON.stringify({ ...jsonObject(word?.value), ...more, by: withRequest(word, by) });
}

/** The same once `by` has changed it, too. */
export function withRequest(kv: KeyValue | undefined, by: string): readonly unknown[] {
  return [by, ...requestsIn(kv)].slice(0, kept);
}
