import type { ResponseHeader } from '../../store/messages.js';
import { bool, fieldCodec, fieldTable, header, optional, repeated, text, texts, uint64 } from './fields.js';

export interface Member {
  readonly id: bigint;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

export interface MemberListRequest {
  readonly linearizable: boolean;
}

export interface MemberAddRequest {
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
}

export interface MemberUpdateRequest {
  readonly id: bigint;
  readonly peerUrls: readonly string[];
}

export interface OfMember {
  readonly id: bigint;
}

export interface MemberAddResponse {
  readonly header: ResponseHeader;
  readonly member: Member | undefined;
  readonly members: readonly Member[];
}

/** What list, remove, update and promote answer. */
export interface MembersResponse {
  readonly header: ResponseHeader;
  readonly members: readonly Member[];
}

const member = fieldTable<Member>({
  id: uint64(1),
  name: text(2),
  peerUrls: texts(3),
  clientUrls: texts(4),
  isLearner: bool(5),
});

export const memberListRequest = fieldCodec<MemberListRequest>({ linearizable: bool(1) });
export const memberAddRequest = fieldCodec<MemberAddRequest>({ peerUrls: texts(1), isLearner: bool(2) });
export const memberUpdateRequest = fieldCodec<MemberUpdateRequest>({ id: uint64(1), peerUrls: texts(2) });
export const ofMember = fieldCodec<OfMember>({ id: uint64(1) });
export const memberAddResponse = fieldCodec<MemberAddResponse>({
  header: header(),
  member: optional(2, member),
  members: repeated(3, member),
});
export const membersResponse = fieldCodec<MembersResponse>({ header: header(), members: repeated(2, member) });
