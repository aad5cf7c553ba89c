import { utf8Text } from '../core/bytes.js';
import { numberOr } from '../core/plain.js';
import type { KeyValue, RequestOp } from '../store/messages.js';
import { put, remove } from '../store/ops.js';
import { freeKey } from './dedupe.js';
import { jsonObject } from './json.js';
import type { QueueKeys } from './keys.js';
import type { Ticket } from './ticket.js';

/** Powers of two in which KiB are counted: up to 4,095 KiB for one job. */
const bits = 12;

/** How much was ever removed. */
export interface Gone {
  readonly jobs: number;
  readonly kib: number;
}

/**
 * Takes a job away for good, and counts it: the version of a key counts its puts, so that consumers never wait for
 * each other. What was ever added (`tail`) less what is gone is what there is; a reading that is old shows too much,
 * never too little. `cancelledBy`: a nonce of whoever cancels it, who can read there whether it was so.
 */
export function removeJob(
  keys: QueueKeys,
  { seq, kib, dedupe }: Pick<Ticket, 'seq' | 'kib' | 'dedupe'>,
  cancelledBy?: string,
): RequestOp[] {
  const counted = cancelledBy === undefined ? put(`${keys.gone}jobs`, '') : put(keys.cancelled, cancelledBy);
  const ops = [...removeTraces(keys, { seq, dedupe }), counted];
  for (let bit = 0; bit < bits; bit++) {
    if ((kib >> bit) & 1) ops.push(put(`${keys.gone}kib.${bit.toString().padStart(2, '0')}`, ''));
  }
  return ops;
}

/** What is there of a job besides its ticket. */
export function removeTraces(keys: QueueKeys, { seq, dedupe }: Pick<Ticket, 'seq' | 'dedupe'>): RequestOp[] {
  return [remove(keys.job(seq)), remove(keys.progressOf(seq)), ...freeKey(keys, { seq, dedupe })];
}

/** From the keys below `gone/`. */
export function goneOf(kvs: readonly KeyValue[]): Gone {
  let jobs = 0;
  let kib = 0;
  for (const { key, version, value } of kvs) {
    const name = utf8Text(key);
    const [, bit] = /kib\.(\d\d)$/.exec(name) ?? [];
    if (name.endsWith('/purged')) {
      const purged = jsonObject(value);
      jobs += numberOr(purged.jobs, 0);
      kib += numberOr(purged.kib, 0);
    } else if (bit === undefined) jobs += Number(version);
    else kib += 2 ** Number(bit) * Number(version);
  }
  return { jobs, kib };
}
