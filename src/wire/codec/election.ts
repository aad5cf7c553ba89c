import { type Bytes, noBytes } from '../../core/bytes.js';
import type { KeyValue, ResponseHeader } from '../../store/messages.js';
import type { Codec } from './codec.js';
import {
  type HeaderOnly,
  noHeader,
  readHeader,
  readHeaderOnly,
  readKeyValue,
  writeHeader,
  writeHeaderOnly,
  writeKeyValue,
} from './common.js';
import { messageCodec } from './message-codec.js';
import type { Reader } from './reader.js';
import type { Writer } from './writer.js';

/** `v3electionpb`: names, keys and values are bytes. */
export interface LeaderKey {
  readonly name?: Bytes | undefined;
  /** The candidate's key. */
  readonly key?: Bytes | undefined;
  /** Its create revision. */
  readonly rev?: bigint | undefined;
  readonly lease?: bigint | undefined;
}

export interface CampaignRequest {
  readonly name?: Bytes | undefined;
  /** The caller's lease, which the caller keeps alive. 0: the server grants one of 60 s. */
  readonly lease?: bigint | undefined;
  readonly value?: Bytes | undefined;
}

export interface CampaignResponse {
  readonly header: ResponseHeader;
  readonly leader: LeaderKey;
}

export interface ProclaimRequest {
  readonly leader?: LeaderKey | undefined;
  readonly value?: Bytes | undefined;
}

export interface LeaderRequest {
  readonly name?: Bytes | undefined;
}

export interface LeaderResponse {
  readonly header: ResponseHeader;
  /** The leader's key with the value that was proclaimed. */
  readonly kv?: KeyValue | undefined;
}

export interface ResignRequest {
  readonly leader?: LeaderKey | undefined;
}

function writeLeaderKey(writer: Writer, leader: LeaderKey): void {
  writer.bytes(1, leader.name);
  writer.bytes(2, leader.key);
  writer.int64(3, leader.rev);
  writer.int64(4, leader.lease);
}

function readLeaderKey(reader: Reader): LeaderKey {
  let name = noBytes;
  let key = noBytes;
  let rev = 0n;
  let lease = 0n;
  while (reader.next()) {
    if (reader.field === 1) name = reader.bytes();
    else if (reader.field === 2) key = reader.bytes();
    else if (reader.field === 3) rev = reader.int64();
    else if (reader.field === 4) lease = reader.int64();
    else reader.skip();
  }
  return { name, key, rev, lease };
}

function writeCampaignRequest(writer: Writer, request: CampaignRequest): void {
  writer.bytes(1, request.name);
  writer.int64(2, request.lease);
  writer.bytes(3, request.value);
}

function readCampaignRequest(reader: Reader): CampaignRequest {
  let name = noBytes;
  let lease = 0n;
  let value = noBytes;
  while (reader.next()) {
    if (reader.field === 1) name = reader.bytes();
    else if (reader.field === 2) lease = reader.int64();
    else if (reader.field === 3) value = reader.bytes();
    else reader.skip();
  }
  return { name, lease, value };
}

function writeCampaignResponse(writer: Writer, response: CampaignResponse): void {
  writer.message(1, response.header, writeHeader);
  writer.message(2, response.leader, writeLeaderKey);
}

function readCampaignResponse(reader: Reader): CampaignResponse {
  let header = noHeader;
  let leader: LeaderKey = { name: noBytes, key: noBytes, rev: 0n, lease: 0n };
  while (reader.next()) {
    if (reader.field === 1) header = reader.message(readHeader);
    else if (reader.field === 2) leader = reader.message(readLeaderKey);
    else reader.skip();
  }
  return { header, leader };
}

function writeProclaimRequest(writer: Writer, request: ProclaimRequest): void {
  writer.message(1, request.leader, writeLeaderKey);
  writer.bytes(2, request.value);
}

function readProclaimRequest(reader: Reader): ProclaimRequest {
  let leader: LeaderKey | undefined;
  let value = noBytes;
  while (reader.next()) {
    if (reader.field === 1) leader = reader.message(readLeaderKey);
    else if (reader.field === 2) value = reader.bytes();
    else reader.skip();
  }
  return { leader, value };
}

function writeLeaderRequest(writer: Writer, request: LeaderRequest): void {
  writer.bytes(1, request.name);
}

function readLeaderRequest(reader: Reader): LeaderRequest {
  let name: Bytes = noBytes;
  while (reader.next()) {
    if (reader.field === 1) name = reader.bytes();
    else reader.skip();
  }
  return { name };
}

function writeLeaderResponse(writer: Writer, response: LeaderResponse): void {
  writer.message(1, response.header, writeHeader);
  writer.message(2, response.kv, writeKeyValue);
}

function readLeaderResponse(reader: Reader): LeaderResponse {
  let header = noHeader;
  let kv: KeyValue | undefined;
  while (reader.next()) {
    if (reader.field === 1) header = reader.message(readHeader);
    else if (reader.field === 2) kv = reader.message(readKeyValue);
    else reader.skip();
  }
  return { header, kv };
}

function writeResignRequest(writer: Writer, request: ResignRequest): void {
  writer.message(1, request.leader, writeLeaderKey);
}

function readResignRequest(reader: Reader): ResignRequest {
  let leader: LeaderKey | undefined;
  while (reader.next()) {
    if (reader.field === 1) leader = reader.message(readLeaderKey);
    else reader.skip();
  }
  return { leader };
}

export const campaignRequest: Codec<CampaignRequest> = messageCodec(writeCampaignRequest, readCampaignRequest);
export const campaignResponse: Codec<CampaignResponse> = messageCodec(writeCampaignResponse, readCampaignResponse);
export const proclaimRequest: Codec<ProclaimRequest> = messageCodec(writeProclaimRequest, readProclaimRequest);
export const proclaimResponse: Codec<HeaderOnly> = messageCodec(writeHeaderOnly, readHeaderOnly);
export const leaderRequest: Codec<LeaderRequest> = messageCodec(writeLeaderRequest, readLeaderRequest);
export const leaderResponse: Codec<LeaderResponse> = messageCodec(writeLeaderResponse, readLeaderResponse);
export const resignRequest: Codec<ResignRequest> = messageCodec(writeResignRequest, readResignRequest);
export const resignResponse: Codec<HeaderOnly> = messageCodec(writeHeaderOnly, readHeaderOnly);
