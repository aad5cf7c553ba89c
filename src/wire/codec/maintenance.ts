import type { ResponseHeader } from '../../store/messages.js';
import { noHeader, readHeader, writeHeader } from './common.js';
import { messageCodec } from './message-codec.js';
import type { Reader } from './reader.js';
import type { Writer } from './writer.js';

export const AlarmAction = { get: 0, activate: 1, deactivate: 2 } as const;

export interface AlarmRequest {
  readonly action: number;
  readonly memberId: bigint;
  readonly alarm: number;
}

export interface AlarmMember {
  readonly memberId: bigint;
  readonly alarm: number;
}

export interface AlarmResponse {
  readonly header: ResponseHeader;
  readonly alarms: readonly AlarmMember[];
}

export type StatusRequest = Record<never, never>;

export interface StatusResponse {
  readonly header: ResponseHeader;
  readonly version: string;
  /** Bytes. */
  readonly dbSize: bigint;
  readonly leader: bigint;
  readonly raftIndex: bigint;
  readonly raftTerm: bigint;
  readonly raftAppliedIndex: bigint;
  readonly errors: readonly string[];
  readonly dbSizeInUse: bigint;
  readonly isLearner: boolean;
}

export const statusRequest = messageCodec<StatusRequest>(() => {}, readNothing);
export const statusResponse = messageCodec<StatusResponse>(writeStatusResponse, readStatusResponse);
export const alarmRequest = messageCodec<AlarmRequest>(writeAlarmRequest, readAlarmRequest);
export const alarmResponse = messageCodec<AlarmResponse>(writeAlarmResponse, readAlarmResponse);

function readNothing(reader: Reader): StatusRequest {
  while (reader.next()) reader.skip();
  return {};
}

function writeStatusResponse(writer: Writer, response: StatusResponse): void {
  writer.message(1, response.header, writeHeader);
  writer.text(2, response.version);
  writer.int64(3, response.dbSize);
  writer.uint64(4, response.leader);
  writer.uint64(5, response.raftIndex);
  writer.uint64(6, response.raftTerm);
  writer.uint64(7, response.raftAppliedIndex);
  for (const error of response.errors) writer.bytesAlways(8, Buffer.from(error, 'utf8'));
  writer.int64(9, response.dbSizeInUse);
  writer.bool(10, response.isLearner);
}

function readStatusResponse(reader: Reader): StatusResponse {
  let header = noHeader;
  let version = '';
  let dbSize = 0n;
  let leader = 0n;
  let raftIndex = 0n;
  let raftTerm = 0n;
  let raftAppliedIndex = 0n;
  const errors: string[] = [];
  let dbSizeInUse = 0n;
  let isLearner = false;
  while (reader.next()) {
    if (reader.field === 1) header = reader.message(readHeader);
    else if (reader.field === 2) version = reader.text();
    else if (reader.field === 3) dbSize = reader.int64();
    else if (reader.field === 4) leader = reader.uint64();
    else if (reader.field === 5) raftIndex = reader.uint64();
    else if (reader.field === 6) raftTerm = reader.uint64();
    else if (reader.field === 7) raftAppliedIndex = reader.uint64();
    else if (reader.field === 8) errors.push(reader.text());
    else if (reader.field === 9) dbSizeInUse = reader.int64();
    else if (reader.field === 10) isLearner = reader.bool();
    else reader.skip();
  }
  return { header, version, dbSize, leader, raftIndex, raftTerm, raftAppliedIndex, errors, dbSizeInUse, isLearner };
}

function writeAlarmRequest(writer: Writer, request: AlarmRequest): void {
  writer.enum(1, request.action);
  writer.uint64(2, request.memberId);
  writer.enum(3, request.alarm);
}

function readAlarmRequest(reader: Reader): AlarmRequest {
  let action = 0;
  let memberId = 0n;
  let alarm = 0;
  while (reader.next()) {
    if (reader.field === 1) action = reader.enum();
    else if (reader.field === 2) memberId = reader.uint64();
    else if (reader.field === 3) alarm = reader.enum();
    else reader.skip();
  }
  return { action, memberId, alarm };
}

function writeAlarmResponse(writer: Writer, response: AlarmResponse): void {
  writer.message(1, response.header, writeHeader);
  writer.messages(2, response.alarms, writeAlarmMember);
}

function readAlarmResponse(reader: Reader): AlarmResponse {
  let header = noHeader;
  const alarms: AlarmMember[] = [];
  while (reader.next()) {
    if (reader.field === 1) header = reader.message(readHeader);
    else if (reader.field === 2) alarms.push(reader.message(readAlarmMember));
    else reader.skip();
  }
  return { header, alarms };
}

function writeAlarmMember(writer: Writer, { memberId, alarm }: AlarmMember): void {
  writer.uint64(1, memberId);
  writer.enum(2, alarm);
}

function readAlarmMember(reader: Reader): AlarmMember {
  let memberId = 0n;
  let alarm = 0;
  while (reader.next()) {
    if (reader.field === 1) memberId = reader.uint64();
    else if (reader.field === 2) alarm = reader.enum();
    else reader.skip();
  }
  return { memberId, alarm };
}
