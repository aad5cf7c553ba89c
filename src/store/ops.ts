import { type Bytes, utf8 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type {
  Compare,
  DeleteRangeResponse,
  PutResponse,
  RangeRequest,
  RangeResponse,
  RequestOp,
  ResponseOp,
  TxnResponse,
} from './messages.js';
import { CompareResult, CompareTarget } from './messages.js';

/** Keys and values may be given as text, which is taken as UTF-8. */
export type Text = string | Bytes;

/** @throws ConclaveError `INVALID_ARGUMENT` for what is neither: without types a number would be written as nothing. */
export function bytesOf(text: Text): Bytes {
  if (typeof text === 'string') return utf8(text);
  if (ArrayBuffer.isView(text)) return text;
  throw new ConclaveError('INVALID_ARGUMENT', `keys and values are text or bytes, got ${typeof text}`);
}

/** Holds while `key` is the very key that was created at `revision`; with 0n: while there is no such key. */
export function createdAt(key: Text, revision: bigint): Compare {
  return {
    key: bytesOf(key),
    target: CompareTarget.create,
    result: CompareResult.equal,
    createRevision: revision,
  };
}

/** Holds while `key` has not changed since `revision`; with 0n: while there is no such key. */
export function modifiedAt(key: Text, revision: bigint): Compare {
  return { key: bytesOf(key), target: CompareTarget.mod, result: CompareResult.equal, modRevision: revision };
}

/** Holds while `key` is there with this value. */
export function valueIs(key: Text, value: Text): Compare {
  return { key: bytesOf(key), target: CompareTarget.value, result: CompareResult.equal, value: bytesOf(value) };
}

/** Holds while `key` hangs on the lease `leaseId`. */
export function hangsOn(key: Text, leaseId: bigint): Compare {
  return { key: bytesOf(key), target: CompareTarget.lease, result: CompareResult.equal, lease: leaseId };
}

/** A put for `txn().then(…)`. `leaseId` hangs the key on a lease. */
export function put(key: Text, value: Text, options: { leaseId?: bigint | undefined } = {}): RequestOp {
  return { type: 'put', request: { key: bytesOf(key), value: bytesOf(value), lease: options.leaseId } };
}

/** A read for `txn().then(…)`; `options` as in etcd's RangeRequest. */
export function get(key: Text, options: Omit<RangeRequest, 'key'> = {}): RequestOp {
  return { type: 'range', request: { ...options, key: bytesOf(key) } };
}

/** A delete for `txn().then(…)`; with `rangeEnd` of all keys from `key` up to it. */
export function remove(key: Text, options: { rangeEnd?: Text | undefined } = {}): RequestOp {
  const rangeEnd = options.rangeEnd === undefined ? undefined : bytesOf(options.rangeEnd);
  return { type: 'deleteRange', request: { key: bytesOf(key), rangeEnd } };
}

export function rangeAt(txn: Pick<TxnResponse, 'responses'>, index: number): RangeResponse {
  const op = txn.responses[index];
  return op?.type === 'range' ? op.response : mismatch(op, 'range');
}

/** The answers from `index` on, by default to the last, all of them to ranges. */
export function rangesFrom(
  txn: Pick<TxnResponse, 'responses'>,
  index: number,
  end = txn.responses.length,
): RangeResponse[] {
  const ranges: RangeResponse[] = [];
  for (let at = index; at < end; at++) ranges.push(rangeAt(txn, at));
  return ranges;
}

export function putAt(txn: Pick<TxnResponse, 'responses'>, index: number): PutResponse {
  const op = txn.responses[index];
  return op?.type === 'put' ? op.response : mismatch(op, 'put');
}

export function deleteAt(txn: Pick<TxnResponse, 'responses'>, index: number): DeleteRangeResponse {
  const op = txn.responses[index];
  return op?.type === 'deleteRange' ? op.response : mismatch(op, 'deleteRange');
}

/** What a store must never answer. */
export function mismatch(op: ResponseOp | undefined, asked: string): never {
  const message = `the store answered ${op?.type ?? 'nothing'} where ${asked} was asked`;
  throw new ConclaveError('INTERNAL', message, { outcome: 'unknown' });
}
