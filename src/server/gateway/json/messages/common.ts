import { field, list, message } from '../message-type.js';

export const responseHeader = message('etcdserverpb.ResponseHeader', () => ({
  cluster_id: field(1, 'uint64'),
  member_id: field(2, 'uint64'),
  revision: field(3, 'int64'),
  raft_term: field(4, 'uint64'),
}));

export const keyValue = message('mvccpb.KeyValue', () => ({
  key: field(1, 'bytes'),
  create_revision: field(2, 'int64'),
  mod_revision: field(3, 'int64'),
  version: field(4, 'int64'),
  value: field(5, 'bytes'),
  lease: field(6, 'int64'),
}));

export const header = field(1, responseHeader);

/** A message without fields, or one whose fields do not matter here. */
export function empty(name: string) {
  return message(name, () => ({}));
}

export function headerOnly(name: string) {
  return message(name, () => ({ header }));
}

/** A request that holds one thing. */
export function only(name: string, fieldName: string, shape: ReturnType<typeof field>) {
  return message(name, () => ({ [fieldName]: shape }));
}

/** A response of names. */
export function headerAndNames(name: string, fieldName: string) {
  return message(name, () => ({ header, [fieldName]: list(2, 'string') }));
}
