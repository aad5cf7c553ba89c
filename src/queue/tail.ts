import { numberOr } from '../core/plain.js';
import type { KeyValue } from '../store/messages.js';
import { jsonObject } from './json.js';

/** The end of the queue, where jobs are added. Each step adds some, and is guarded by the tail that it found. */
export interface Tail {
  /** The revision of its last change; 0: there is none yet. */
  readonly revision: bigint;
  readonly step: number;
  /** Number of the last job. */
  readonly seq: number;
  /** How many jobs were ever added, and how many KiB. */
  readonly jobs: number;
  readonly kib: number;
  /** Who made the last steps, this one last: nonces. */
  readonly makers: readonly string[];
}

/** Steps after which a lost answer cannot be found out any more. */
export const makersKept = 32;

export function tailOf(kv: Pick<KeyValue, 'value' | 'modRevision'> | undefined): Tail {
  const { step, seq, jobs, kib, makers } = jsonObject(kv?.value);
  return {
    revision: kv?.modRevision ?? 0n,
    step: numberOr(step, 0),
    seq: numberOr(seq, 0),
    jobs: numberOr(jobs, 0),
    kib: numberOr(kib, 0),
    makers: Array.isArray(makers) ? makers.map(String) : [],
  };
}

/** The tail that `maker` leaves behind after adding that much. */
export function nextTail(tail: Tail, maker: string, added: { readonly jobs: number; readonly kib: number }): string {
  const makers = [...tail.makers, maker].slice(-makersKept);
  const { step, seq, jobs, kib } = tail;
  return JSON.stringify({
    step: step + 1,
    seq: seq + added.jobs,
    jobs: jobs + added.jobs,
    kib: kib + added.kib,
    makers,
  });
}

/** Who made `step`; undefined if that is too long ago, or yet to come. */
export function makerOf(tail: Tail, step: number): string | undefined {
  return tail.makers[tail.makers.length - 1 - (tail.step - step)];
}
