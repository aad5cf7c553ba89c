import type { Bytes } from '../../core/bytes.js';
import type { ResponseHeader } from '../../store/messages.js';
import { readHeader, writeHeader } from './common.js';
import {
  bool,
  bytes,
  enumeration,
  type FieldTable,
  fieldCodec,
  fieldTable,
  header,
  int64,
  optional,
  repeated,
  text,
  texts,
  uint32,
  uint64,
} from './fields.js';

export const AlarmAction = { get: 0, activate: 1, deactivate: 2 } as const;
export const DowngradeAction = { validate: 0, enable: 1, cancel: 2 } as const;

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

export interface DowngradeInfo {
  readonly enabled: boolean;
  readonly targetVersion: string;
}

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
  /** Bytes. */
  readonly dbSizeInUse: bigint;
  readonly isLearner: boolean;
  readonly storageVersion: string;
  /** Bytes; 0: no bound. */
  readonly dbSizeQuota: bigint;
  readonly downgradeInfo: DowngradeInfo | undefined;
}

export interface HashResponse {
  readonly header: ResponseHeader;
  readonly hash: number;
}

export interface HashKvRequest {
  /** 0: the newest. */
  readonly revision: bigint;
}

export interface HashKvResponse {
  readonly header: ResponseHeader;
  readonly hash: number;
  readonly compactRevision: bigint;
  readonly hashRevision: bigint;
}

export interface SnapshotResponse {
  /** etcd's chunks have none. */
  readonly header: ResponseHeader | undefined;
  readonly remainingBytes: bigint;
  readonly blob: Bytes;
  readonly version: string;
}

export interface MoveLeaderRequest {
  readonly targetId: bigint;
}

/** `Defragment` and `MoveLeader` answer nothing at all. */
export interface BareResponse {
  readonly header: ResponseHeader | undefined;
}

export interface DowngradeRequest {
  readonly action: number;
  readonly version: string;
}

export interface DowngradeResponse {
  readonly header: ResponseHeader;
  readonly version: string;
}

const headerTable: FieldTable<ResponseHeader> = { write: writeHeader, read: readHeader };
const alarmMember = fieldTable<AlarmMember>({ memberId: uint64(1), alarm: enumeration(2) });
const downgradeInfo = fieldTable<DowngradeInfo>({ enabled: bool(1), targetVersion: text(2) });

export const statusResponse = fieldCodec<StatusResponse>({
  header: header(),
  version: text(2),
  dbSize: int64(3),
  leader: uint64(4),
  raftIndex: uint64(5),
  raftTerm: uint64(6),
  raftAppliedIndex: uint64(7),
  errors: texts(8),
  dbSizeInUse: int64(9),
  isLearner: bool(10),
  storageVersion: text(11),
  dbSizeQuota: int64(12),
  downgradeInfo: optional(13, downgradeInfo),
});
export const alarmRequest = fieldCodec<AlarmRequest>({
  action: enumeration(1),
  memberId: uint64(2),
  alarm: enumeration(3),
});
export const alarmResponse = fieldCodec<AlarmResponse>({ header: header(), alarms: repeated(2, alarmMember) });
export const hashResponse = fieldCodec<HashResponse>({ header: header(), hash: uint32(2) });
export const hashKvRequest = fieldCodec<HashKvRequest>({ revision: int64(1) });
export const hashKvResponse = fieldCodec<HashKvResponse>({
  header: header(),
  hash: uint32(2),
  compactRevision: int64(3),
  hashRevision: int64(4),
});
export const snapshotResponse = fieldCodec<SnapshotResponse>({
  header: optional(1, headerTable),
  remainingBytes: uint64(2),
  blob: bytes(3),
  version: text(4),
});
export const moveLeaderRequest = fieldCodec<MoveLeaderRequest>({ targetId: uint64(1) });
export const bareResponse = fieldCodec<BareResponse>({ header: optional(1, headerTable) });
export const downgradeRequest = fieldCodec<DowngradeRequest>({ action: enumeration(1), version: text(2) });
export const downgradeResponse = fieldCodec<DowngradeResponse>({ header: header(), version: text(2) });
