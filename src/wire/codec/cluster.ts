import type { ResponseHeader } from '../../store/messages.js';
import { noHeader, readHeader, writeHeader } from './common.js';
import { messageCodec } from './message-codec.js';
import type { Reader } from './reader.js';
import type { Writer } from './writer.js';

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

export interface MemberListResponse {
  readonly header: ResponseHeader;
  readonly members: readonly Member[];
}

export const memberListRequest = messageCodec<MemberListRequest>(writeMemberListRequest, readMemberListRequest);
export const memberListResponse = messageCodec<MemberListResponse>(writeMemberListResponse, readMemberListResponse);

function writeMemberListRequest(writer: Writer, request: MemberListRequest): void {
  writer.bool(1, request.linearizable);
}

function readMemberListRequest(reader: Reader): MemberListRequest {
  let linearizable = false;
  while (reader.next()) {
    if (reader.field === 1) linearizable = reader.bool();
    else reader.skip();
  }
  return { linearizable };
}

function writeMemberListResponse(writer: Writer, response: MemberListResponse): void {
  writer.message(1, response.header, writeHeader);
  writer.messages(2, response.members, writeMember);
}

function readMemberListResponse(reader: Reader): MemberListResponse {
  let header = noHeader;
  const members: Member[] = [];
  while (reader.next()) {
    if (reader.field === 1) header = reader.message(readHeader);
    else if (reader.field === 2) members.push(reader.message(readMember));
    else reader.skip();
  }
  return { header, members };
}

function writeMember(writer: Writer, member: Member): void {
  writer.uint64(1, member.id);
  writer.text(2, member.name);
  for (const url of member.peerUrls) writer.bytesAlways(3, Buffer.from(url, 'utf8'));
  for (const url of member.clientUrls) writer.bytesAlways(4, Buffer.from(url, 'utf8'));
  writer.bool(5, member.isLearner);
}

function readMember(reader: Reader): Member {
  let id = 0n;
  let name = '';
  const peerUrls: string[] = [];
  const clientUrls: string[] = [];
  let isLearner = false;
  while (reader.next()) {
    if (reader.field === 1) id = reader.uint64();
    else if (reader.field === 2) name = reader.text();
    else if (reader.field === 3) peerUrls.push(reader.text());
    else if (reader.field === 4) clientUrls.push(reader.text());
    else if (reader.field === 5) isLearner = reader.bool();
    else reader.skip();
  }
  return { id, name, peerUrls, clientUrls, isLearner };
}
