import { type Bytes, sameBytes } from '../core/bytes.js';
import type { KeyValue, TxnRequest } from '../store/messages.js';
import { get, modifiedAt, put, remove } from '../store/ops.js';

/** As the store is known to have it: as much of a KeyValue as decides. */
export type Known = (Pick<KeyValue, 'value' | 'lease' | 'modRevision'> & { readonly own: boolean }) | undefined;

/** From what is known to what is wished; reads what is there if that is something else. */
export function stepFrom(known: Known, key: Bytes, value: Bytes | undefined, leaseId: bigint): TxnRequest {
  return {
    compare: [modifiedAt(key, known?.modRevision ?? 0n)],
    success: [value === undefined ? remove(key) : put(key, value, { leaseId })],
    failure: [get(key)],
  };
}

export function sameWish(a: Bytes | undefined, b: Bytes | undefined): boolean {
  return a === undefined || b === undefined ? a === b : sameBytes(a, b);
}

/** Whether nothing is to be done. */
export function stands(known: Known, value: Bytes | undefined, lease: bigint): boolean {
  // What is somebody else's is left alone.
  if (value === undefined) return known?.own !== true;
  return known?.own === true && known.lease === lease && sameBytes(known.value, value);
}
