import * as auth from './codec/auth.js';
import type { Codec } from './codec/codec.js';
import * as kv from './codec/kv.js';
import * as lease from './codec/lease.js';
import { txnRequest, txnResponse } from './codec/txn.js';
import { watchRequest, watchResponse } from './codec/watch.js';

/** One RPC: its gRPC path and how its messages are written. */
export interface UnaryMethod<Request, Response> {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
}

/** Like `UnaryMethod`, with any number of messages each way. */
export interface DuplexMethod<Request, Response> extends UnaryMethod<Request, Response> {
  readonly duplex: true;
}

export const kvMethods = {
  range: unary('/etcdserverpb.KV/Range', kv.rangeRequest, kv.rangeResponse),
  put: unary('/etcdserverpb.KV/Put', kv.putRequest, kv.putResponse),
  deleteRange: unary('/etcdserverpb.KV/DeleteRange', kv.deleteRangeRequest, kv.deleteRangeResponse),
  txn: unary('/etcdserverpb.KV/Txn', txnRequest, txnResponse),
  compact: unary('/etcdserverpb.KV/Compact', kv.compactionRequest, kv.compactionResponse),
} as const;

export const watchMethods = {
  watch: duplex('/etcdserverpb.Watch/Watch', watchRequest, watchResponse),
} as const;

export const leaseMethods = {
  grant: unary('/etcdserverpb.Lease/LeaseGrant', lease.leaseGrantRequest, lease.leaseGrantResponse),
  revoke: unary('/etcdserverpb.Lease/LeaseRevoke', lease.leaseRevokeRequest, lease.leaseRevokeResponse),
  keepAlive: duplex('/etcdserverpb.Lease/LeaseKeepAlive', lease.leaseKeepAliveRequest, lease.leaseKeepAliveResponse),
  timeToLive: unary('/etcdserverpb.Lease/LeaseTimeToLive', lease.leaseTimeToLiveRequest, lease.leaseTimeToLiveResponse),
  leases: unary('/etcdserverpb.Lease/LeaseLeases', lease.leaseLeasesRequest, lease.leaseLeasesResponse),
} as const;

export const authMethods = {
  authenticate: unary('/etcdserverpb.Auth/Authenticate', auth.authenticateRequest, auth.authenticateResponse),
} as const;

function unary<Request, Response>(
  path: string,
  request: Codec<Request>,
  response: Codec<Response>,
): UnaryMethod<Request, Response> {
  return { path, request, response };
}

function duplex<Request, Response>(
  path: string,
  request: Codec<Request>,
  response: Codec<Response>,
): DuplexMethod<Request, Response> {
  return { path, request, response, duplex: true };
}
