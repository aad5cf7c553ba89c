import { numberOr } from '../core/plain.js';
import type { KeyValue, RequestOp } from '../store/messages.js';
import { put, remove, valueIs } from '../store/ops.js';
import { jsonObject } from './json.js';
import type { QueueKeys } from './keys.js';
import type { Ticket } from './ticket.js';

/** A job that has a dedupe key, or had. */
interface Keyed {
  readonly seq: number;
  readonly dedupe: string;
}

/** Makes the key this job's. */
export function takeKey(keys: QueueKeys, keyed: Keyed): RequestOp {
  return put(keys.dedupeOf(keyed.dedupe), markOf(keyed));
}

/** Lets go of the key, unless it is another job's by now, as that of a dead letter may be. */
export function freeKey(keys: QueueKeys, { seq, dedupe }: Pick<Ticket, 'seq' | 'dedupe'>): RequestOp[] {
  if (dedupe === undefined) return [];
  const key = keys.dedupeOf(dedupe);
  const request = { compare: [valueIs(key, markOf({ seq, dedupe }))], success: [remove(key)] };
  return [{ type: 'txn', request }];
}

/** The numbers of the jobs that have these keys. */
export function keptIn(kvs: readonly KeyValue[]): ReadonlyMap<string, number> {
  return new Map(
    kvs.map(({ value }): [string, number] => {
      const { key, seq } = jsonObject(value);
      return [String(key), numberOr(seq, 0)];
    }),
  );
}

function markOf({ seq, dedupe }: Keyed): string {
  return JSON.stringify({ key: dedupe, seq });
}
