import type { EngineHost } from '../../engine/engine-host.js';
import type { RequestOp, TxnRequest } from '../../store/messages.js';
import { kvMethods } from '../../wire/methods.js';
import type { UnaryHandler } from '../../wire/rpc-service.js';
import { checkRequestSize, deleteSizeMax, putSizeMax, txnSizeMax } from './request-size.js';
import { unaryHandler } from './unary-handler.js';

/** `etcdserverpb.KV`. */
export function kvHandlers(host: EngineHost, maxRequestBytes: number): UnaryHandler<unknown, unknown>[] {
  return [
    unaryHandler(kvMethods.range, (request) => host.range(request)),
    unaryHandler(kvMethods.put, (request) => {
      checkRequestSize(request, putSizeMax, kvMethods.put.request, maxRequestBytes);
      return host.put(request);
    }),
    unaryHandler(kvMethods.deleteRange, (request) => {
      checkRequestSize(request, deleteSizeMax, kvMethods.deleteRange.request, maxRequestBytes);
      return host.deleteRange(request);
    }),
    unaryHandler(kvMethods.txn, (request) => {
      if (isWrite(request)) checkRequestSize(request, txnSizeMax, kvMethods.txn.request, maxRequestBytes);
      return host.txn(request);
    }),
    unaryHandler(kvMethods.compact, (request) => host.compact(request)),
  ];
}

/** A txn of reads alone never reaches etcd's log, where the size is judged. */
function isWrite(request: TxnRequest): boolean {
  const writes = (op: RequestOp) => op.type !== 'range';
  return (request.success ?? []).some(writes) || (request.failure ?? []).some(writes);
}
