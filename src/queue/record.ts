import { numberOr } from '../core/plain.js';
import type { KeyValue } from '../store/messages.js';
import { jsonObject } from './json.js';

/** Of a schedule. */
export interface Tick {
  /** The schedule's name. */
  readonly schedule: string;
  /** The moment that it stands for, by its rhythm, in milliseconds since 1970. */
  readonly atMs: number;
}

/** A job as it was put into the queue; never written again. */
export interface JobRecord {
  readonly payload: unknown;
  /** By the producer's wall clock, in milliseconds since 1970. For people: nothing is decided by it. */
  readonly enqueuedMs: number;
  /** The nonce of the step that made it. */
  readonly maker: string;
  /** Of the payload, rounded up. */
  readonly kib: number;
  readonly dedupe: string | undefined;
  readonly priority: number;
  readonly group: string | undefined;
  /** When its first delay is over, by the producer's wall clock; undefined: it had none. */
  readonly dueMs: number | undefined;
  /** What it was added for, if a schedule did. */
  readonly tick: Tick | undefined;
}

/** `payload` is JSON. */
export function encodeRecord(payload: string, rest: Omit<JobRecord, 'payload'>): string {
  return `${JSON.stringify(rest).slice(0, -1)},"payload":${payload}}`;
}

export function recordOf(kv: KeyValue | undefined): JobRecord {
  const { payload, enqueuedMs, maker, kib, dedupe, priority, group, dueMs, tick } = jsonObject(kv?.value);
  return {
    payload,
    enqueuedMs: numberOr(enqueuedMs, 0),
    maker: typeof maker === 'string' ? maker : '',
    kib: numberOr(kib, 1),
    dedupe: typeof dedupe === 'string' ? dedupe : undefined,
    priority: numberOr(priority, 0),
    group: typeof group === 'string' ? group : undefined,
    dueMs: numberOr(dueMs, undefined),
    tick: tickOf(tick),
  };
}

function tickOf(value: unknown): Tick | undefined {
  const { schedule, atMs } = Object(value) as { readonly schedule?: unknown; readonly atMs?: unknown };
  return typeof schedule === 'string' && typeof atMs === 'number' ? { schedule, atMs } : undefined;
}
