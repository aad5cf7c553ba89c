import { field, list, message } from '../message-type.js';
import { empty, header, headerOnly, only } from './common.js';

const id = field(1, 'int64');

export const grantRequest = message('etcdserverpb.LeaseGrantRequest', () => ({
  TTL: field(1, 'int64'),
  ID: field(2, 'int64'),
}));

export const grantResponse = message('etcdserverpb.LeaseGrantResponse', () => ({
  header,
  ID: field(2, 'int64'),
  TTL: field(3, 'int64'),
  error: field(4, 'string'),
}));

export const revokeRequest = only('etcdserverpb.LeaseRevokeRequest', 'ID', id);
export const revokeResponse = headerOnly('etcdserverpb.LeaseRevokeResponse');
export const keepAliveRequest = only('etcdserverpb.LeaseKeepAliveRequest', 'ID', id);

export const keepAliveResponse = message('etcdserverpb.LeaseKeepAliveResponse', () => ({
  header,
  ID: field(2, 'int64'),
  TTL: field(3, 'int64'),
}));

export const timeToLiveRequest = message('etcdserverpb.LeaseTimeToLiveRequest', () => ({
  ID: id,
  keys: field(2, 'bool'),
}));

export const timeToLiveResponse = message('etcdserverpb.LeaseTimeToLiveResponse', () => ({
  header,
  ID: field(2, 'int64'),
  TTL: field(3, 'int64'),
  grantedTTL: field(4, 'int64'),
  keys: list(5, 'bytes'),
}));

export const leasesRequest = empty('etcdserverpb.LeaseLeasesRequest');
export const leasesResponse = message('etcdserverpb.LeaseLeasesResponse', () => ({
  header,
  leases: list(2, only('etcdserverpb.LeaseStatus', 'ID', id)),
}));
