import type { Bytes } from '../../core/bytes.js';
import { etcdError } from '../../store/etcd-errors.js';
import type { Compare, DeleteRangeRequest, PutRequest, RequestOp, TxnRequest } from '../../store/messages.js';
import type { Codec } from '../../wire/codec/codec.js';

/** etcd's `--max-request-bytes`. */
export const maxRequestBytesDefault = 1_572_864;

/** What one operation or compare takes at most besides its byte strings: every integer and flag it can have. */
const fixedBytesMax = 160;

/** etcd measures the request inside the message of its log: a header with an id, and the request's tag and length. */
const envelopeBytes = 13;

/**
 * Throws etcd's `request is too large`. The estimate is never below the true size, so that only requests near the
 * limit are encoded to be measured.
 */
export function checkRequestSize<Request>(
  request: Request,
  estimate: (request: Request) => number,
  codec: Codec<Request>,
  maxBytes: number,
): void {
  if (estimate(request) + envelopeBytes <= maxBytes) return;
  const size = codec.encode(request).length;
  if (envelopeBytes + 1 + varintSize(size) + size > maxBytes) throw etcdError('requestTooLarge');
}

export function putSizeMax(request: PutRequest): number {
  return fixedBytesMax + request.key.length + sizeOf(request.value);
}

export function deleteSizeMax(request: DeleteRangeRequest): number {
  return fixedBytesMax + request.key.length + sizeOf(request.rangeEnd);
}

/** Nesting is bounded by the codec. */
export function txnSizeMax(request: TxnRequest): number {
  let size = fixedBytesMax;
  for (const compare of request.compare ?? []) size += compareSizeMax(compare);
  for (const op of request.success ?? []) size += opSizeMax(op);
  for (const op of request.failure ?? []) size += opSizeMax(op);
  return size;
}

function compareSizeMax(compare: Compare): number {
  return fixedBytesMax + compare.key.length + sizeOf(compare.rangeEnd) + sizeOf(compare.value);
}

function opSizeMax(op: RequestOp): number {
  switch (op.type) {
    case 'range':
      return fixedBytesMax + op.request.key.length + sizeOf(op.request.rangeEnd);
    case 'put':
      return putSizeMax(op.request);
    case 'deleteRange':
      return deleteSizeMax(op.request);
    case 'txn':
      return fixedBytesMax + txnSizeMax(op.request);
    case 'none':
      return fixedBytesMax;
  }
}

function sizeOf(bytes: Bytes | undefined): number {
  return bytes === undefined ? 0 : bytes.length;
}

function varintSize(value: number): number {
  return Math.max(1, Math.ceil((32 - Math.clz32(value)) / 7));
}
