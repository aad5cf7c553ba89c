import { numberOr } from '../core/plain.js';
import type { KeyValue } from '../store/messages.js';
import { jsonObject } from './json.js';
import { seqAt } from './keys.js';

/** What is moved around for a job from one state to the next, small as it is; the payload stays where it was put. */
export interface Ticket {
  readonly seq: number;
  readonly priority: number;
  /** How often it was handed out. */
  readonly attempts: number;
  /** After so many it is a dead letter. */
  readonly maxAttempts: number;
  /** Why it failed last, or lies among the dead letters. */
  readonly reason?: string | undefined;
  /** While it is delayed: for how long. */
  readonly delayMs?: number | undefined;
  readonly dedupe?: string | undefined;
  /** Of the jobs of one group one is handed out at a time. */
  readonly group?: string | undefined;
  /** How long its result is kept, if at all. */
  readonly resultMs?: number | undefined;
  /** Of the payload, rounded up. */
  readonly kib: number;
}

/** A ticket in `taken`: whose hands the job is in. */
export interface TakenTicket extends Ticket {
  /** The claim's slot, a key below `slots/`. */
  readonly slot: string;
}

export function encodeTicket({ seq: _, ...rest }: Ticket | TakenTicket): string {
  return JSON.stringify(rest);
}

export function ticketOf(kv: KeyValue): Ticket {
  const { priority, attempts, maxAttempts, reason, delayMs, dedupe, kib, group, resultMs } = jsonObject(kv.value);
  return {
    seq: seqAt(kv.key),
    priority: numberOr(priority, 0),
    attempts: numberOr(attempts, 0),
    maxAttempts: numberOr(maxAttempts, Number.MAX_SAFE_INTEGER),
    reason: typeof reason === 'string' ? reason : undefined,
    delayMs: typeof delayMs === 'number' ? delayMs : undefined,
    dedupe: typeof dedupe === 'string' ? dedupe : undefined,
    kib: numberOr(kib, 1),
    group: typeof group === 'string' ? group : undefined,
    resultMs: typeof resultMs === 'number' ? resultMs : undefined,
  };
}

export function takenOf(kv: KeyValue): TakenTicket {
  const { slot } = jsonObject(kv.value);
  return { ...ticketOf(kv), slot: typeof slot === 'string' ? slot : '' };
}

/** KiB of jobs that one answer brings: some clients take 4 MiB at most. */
const kibPerAnswer = 1024;

/** Of a job besides its payload: its progress, at most. */
const kibBeside = 4;

/** Of how many of these jobs, whichever, one request may ask for the payloads; 1 at least. */
export function perAnswer(tickets: readonly Ticket[]): number {
  const largest = Math.max(1, ...tickets.map(({ kib }) => kib));
  return Math.max(1, Math.floor(kibPerAnswer / (largest + kibBeside)));
}

/** Longest reason that is kept, in characters. */
const reasonLimit = 500;

export function shortReason(reason: string): string {
  return reason.length > reasonLimit ? `${reason.slice(0, reasonLimit)}…` : reason;
}
