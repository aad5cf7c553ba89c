import { choice, enumOf, field, list, message } from '../message-type.js';
import { empty, header, keyValue, only } from './common.js';

const createRequest = message('etcdserverpb.WatchCreateRequest', () => ({
  key: field(1, 'bytes'),
  range_end: field(2, 'bytes'),
  start_revision: field(3, 'int64'),
  progress_notify: field(4, 'bool'),
  filters: list(5, enumOf('NOPUT', 'NODELETE')),
  prev_kv: field(6, 'bool'),
  watch_id: field(7, 'int64'),
  fragment: field(8, 'bool'),
}));

const event = message('mvccpb.Event', () => ({
  type: field(1, enumOf('PUT', 'DELETE')),
  kv: field(2, keyValue),
  prev_kv: field(3, keyValue),
}));

export const watchRequest = message('etcdserverpb.WatchRequest', () => ({
  create_request: choice(1, createRequest),
  cancel_request: choice(2, only('etcdserverpb.WatchCancelRequest', 'watch_id', field(1, 'int64'))),
  progress_request: choice(3, empty('etcdserverpb.WatchProgressRequest')),
}));

export const watchResponse = message('etcdserverpb.WatchResponse', () => ({
  header,
  watch_id: field(2, 'int64'),
  created: field(3, 'bool'),
  canceled: field(4, 'bool'),
  compact_revision: field(5, 'int64'),
  cancel_reason: field(6, 'string'),
  fragment: field(7, 'bool'),
  events: list(11, event),
}));
