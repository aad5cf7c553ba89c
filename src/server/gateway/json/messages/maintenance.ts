import { enumOf, field, list, message } from '../message-type.js';
import { empty, header, headerOnly, only } from './common.js';

const alarmType = enumOf('NONE', 'NOSPACE', 'CORRUPT');

export const alarmRequest = message('etcdserverpb.AlarmRequest', () => ({
  action: field(1, enumOf('GET', 'ACTIVATE', 'DEACTIVATE')),
  memberID: field(2, 'uint64'),
  alarm: field(3, alarmType),
}));

const alarmMember = message('etcdserverpb.AlarmMember', () => ({
  memberID: field(1, 'uint64'),
  alarm: field(2, alarmType),
}));

export const alarmResponse = message('etcdserverpb.AlarmResponse', () => ({ header, alarms: list(2, alarmMember) }));

export const statusRequest = empty('etcdserverpb.StatusRequest');
export const statusResponse = message('etcdserverpb.StatusResponse', () => ({
  header,
  version: field(2, 'string'),
  dbSize: field(3, 'int64'),
  leader: field(4, 'uint64'),
  raftIndex: field(5, 'uint64'),
  raftTerm: field(6, 'uint64'),
  raftAppliedIndex: field(7, 'uint64'),
  errors: list(8, 'string'),
  dbSizeInUse: field(9, 'int64'),
  isLearner: field(10, 'bool'),
}));

export const defragmentRequest = empty('etcdserverpb.DefragmentRequest');
export const defragmentResponse = headerOnly('etcdserverpb.DefragmentResponse');

export const hashRequest = empty('etcdserverpb.HashRequest');
export const hashResponse = message('etcdserverpb.HashResponse', () => ({ header, hash: field(2, 'uint32') }));

export const hashKvRequest = only('etcdserverpb.HashKVRequest', 'revision', field(1, 'int64'));
export const hashKvResponse = message('etcdserverpb.HashKVResponse', () => ({
  header,
  hash: field(2, 'uint32'),
  compact_revision: field(3, 'int64'),
}));

export const snapshotRequest = empty('etcdserverpb.SnapshotRequest');
export const snapshotResponse = message('etcdserverpb.SnapshotResponse', () => ({
  header,
  remaining_bytes: field(2, 'uint64'),
  blob: field(3, 'bytes'),
}));

export const moveLeaderRequest = only('etcdserverpb.MoveLeaderRequest', 'targetID', field(1, 'uint64'));
export const moveLeaderResponse = headerOnly('etcdserverpb.MoveLeaderResponse');

export const downgradeRequest = message('etcdserverpb.DowngradeRequest', () => ({
  action: field(1, enumOf('VALIDATE', 'ENABLE', 'CANCEL')),
  version: field(2, 'string'),
}));

export const downgradeResponse = message('etcdserverpb.DowngradeResponse', () => ({
  header,
  version: field(2, 'string'),
}));
