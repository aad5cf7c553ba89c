import type { RequestOp } from '../store/messages.js';
import { put } from '../store/ops.js';
import type { QueueKeys } from './keys.js';

/** Powers of two in which KiB are counted: up to 4,095 KiB for one job. */
const bits = 12;

/**
 * Counts the removal of a job: the version of a key counts its puts, so that consumers never wait for each other. What
 * was ever added (`tail`) less what is gone is what there is; a reading that is old shows too much, never too little.
 */
export function countGone(keys: QueueKeys, kib: number): RequestOp[] {
  const ops = [put(`${keys.gone}jobs`, '')];
  for (let bit = 0; bit < bits; bit++) {
    if ((kib >> bit) & 1) ops.push(put(`${keys.gone}kib.${bit.toString().padStart(2, '0')}`, ''));
  }
  return ops;
}
