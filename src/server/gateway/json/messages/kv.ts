import { choice, enumOf, field, list, type MessageType, message } from '../message-type.js';
import { header, headerOnly, keyValue } from './common.js';

const sortOrder = enumOf('NONE', 'ASCEND', 'DESCEND');
const sortTarget = enumOf('KEY', 'VERSION', 'CREATE', 'MOD', 'VALUE');
const compareResult = enumOf('EQUAL', 'GREATER', 'LESS', 'NOT_EQUAL');
const compareTarget = enumOf('VERSION', 'CREATE', 'MOD', 'VALUE', 'LEASE');

export const rangeRequest = message('etcdserverpb.RangeRequest', () => ({
  key: field(1, 'bytes'),
  range_end: field(2, 'bytes'),
  limit: field(3, 'int64'),
  revision: field(4, 'int64'),
  sort_order: field(5, sortOrder),
  sort_target: field(6, sortTarget),
  serializable: field(7, 'bool'),
  keys_only: field(8, 'bool'),
  count_only: field(9, 'bool'),
  min_mod_revision: field(10, 'int64'),
  max_mod_revision: field(11, 'int64'),
  min_create_revision: field(12, 'int64'),
  max_create_revision: field(13, 'int64'),
}));

export const rangeResponse = message('etcdserverpb.RangeResponse', () => ({
  header,
  kvs: list(2, keyValue),
  more: field(3, 'bool'),
  count: field(4, 'int64'),
}));

export const putRequest = message('etcdserverpb.PutRequest', () => ({
  key: field(1, 'bytes'),
  value: field(2, 'bytes'),
  lease: field(3, 'int64'),
  prev_kv: field(4, 'bool'),
  ignore_value: field(5, 'bool'),
  ignore_lease: field(6, 'bool'),
}));

export const putResponse = message('etcdserverpb.PutResponse', () => ({ header, prev_kv: field(2, keyValue) }));

export const deleteRangeRequest = message('etcdserverpb.DeleteRangeRequest', () => ({
  key: field(1, 'bytes'),
  range_end: field(2, 'bytes'),
  prev_kv: field(3, 'bool'),
}));

export const deleteRangeResponse = message('etcdserverpb.DeleteRangeResponse', () => ({
  header,
  deleted: field(2, 'int64'),
  prev_kvs: list(3, keyValue),
}));

const compare = message('etcdserverpb.Compare', () => ({
  result: field(1, compareResult),
  target: field(2, compareTarget),
  key: field(3, 'bytes'),
  version: choice(4, 'int64'),
  create_revision: choice(5, 'int64'),
  mod_revision: choice(6, 'int64'),
  value: choice(7, 'bytes'),
  lease: choice(8, 'int64'),
  range_end: field(64, 'bytes'),
}));

const requestOp: MessageType = message('etcdserverpb.RequestOp', () => ({
  request_range: choice(1, rangeRequest),
  request_put: choice(2, putRequest),
  request_delete_range: choice(3, deleteRangeRequest),
  request_txn: choice(4, txnRequest),
}));

const responseOp: MessageType = message('etcdserverpb.ResponseOp', () => ({
  response_range: choice(1, rangeResponse),
  response_put: choice(2, putResponse),
  response_delete_range: choice(3, deleteRangeResponse),
  response_txn: choice(4, txnResponse),
}));

export const txnRequest: MessageType = message('etcdserverpb.TxnRequest', () => ({
  compare: list(1, compare),
  success: list(2, requestOp),
  failure: list(3, requestOp),
}));

export const txnResponse: MessageType = message('etcdserverpb.TxnResponse', () => ({
  header,
  succeeded: field(2, 'bool'),
  responses: list(3, responseOp),
}));

export const compactionRequest = message('etcdserverpb.CompactionRequest', () => ({
  revision: field(1, 'int64'),
  physical: field(2, 'bool'),
}));

export const compactionResponse = headerOnly('etcdserverpb.CompactionResponse');
