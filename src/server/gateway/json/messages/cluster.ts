import { field, list, message } from '../message-type.js';
import { header, only } from './common.js';

const member = message('etcdserverpb.Member', () => ({
  ID: field(1, 'uint64'),
  name: field(2, 'string'),
  peerURLs: list(3, 'string'),
  clientURLs: list(4, 'string'),
  isLearner: field(5, 'bool'),
}));

function membersResponse(name: string) {
  return message(name, () => ({ header, members: list(2, member) }));
}

export const memberAddRequest = message('etcdserverpb.MemberAddRequest', () => ({
  peerURLs: list(1, 'string'),
  isLearner: field(2, 'bool'),
}));

export const memberAddResponse = message('etcdserverpb.MemberAddResponse', () => ({
  header,
  member: field(2, member),
  members: list(3, member),
}));

export const memberRemoveRequest = only('etcdserverpb.MemberRemoveRequest', 'ID', field(1, 'uint64'));
export const memberRemoveResponse = membersResponse('etcdserverpb.MemberRemoveResponse');

export const memberUpdateRequest = message('etcdserverpb.MemberUpdateRequest', () => ({
  ID: field(1, 'uint64'),
  peerURLs: list(2, 'string'),
}));

export const memberUpdateResponse = membersResponse('etcdserverpb.MemberUpdateResponse');
export const memberListRequest = only('etcdserverpb.MemberListRequest', 'linearizable', field(1, 'bool'));
export const memberListResponse = membersResponse('etcdserverpb.MemberListResponse');
export const memberPromoteRequest = only('etcdserverpb.MemberPromoteRequest', 'ID', field(1, 'uint64'));
export const memberPromoteResponse = membersResponse('etcdserverpb.MemberPromoteResponse');
