import type { KeyValue } from '../store/messages.js';
import { jsonObject, numberOf } from './json.js';

/** A job as it was put into the queue; never written again. */
export interface JobRecord {
  readonly payload: unknown;
  /** By the producer's wall clock, in milliseconds since 1970. For people: nothing is decided by it. */
  readonly enqueuedMs: number;
  /** The nonce of the step that made it. */
  readonly maker: string;
}

/** `payload` is JSON. */
export function encodeRecord(payload: string, { enqueuedMs, maker }: Omit<JobRecord, 'payload'>): string {
  return `{"enqueuedMs":${enqueuedMs},"maker":"${maker}","payload":${payload}}`;
}

export function recordOf(kv: KeyValue | undefined): JobRecord {
  const { payload, enqueuedMs, maker } = jsonObject(kv?.value);
  return { payload, enqueuedMs: numberOf(enqueuedMs, 0), maker: typeof maker === 'string' ? maker : '' };
}
