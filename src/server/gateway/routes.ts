import type { MessageType } from './json/message-type.js';
import * as auth from './json/messages/auth.js';
import * as cluster from './json/messages/cluster.js';
import * as election from './json/messages/election.js';
import * as kv from './json/messages/kv.js';
import * as lease from './json/messages/lease.js';
import * as lock from './json/messages/lock.js';
import * as maintenance from './json/messages/maintenance.js';
import * as watch from './json/messages/watch.js';

/** One path of the JSON gateway: the RPC behind it and how its messages look. */
export interface Route {
  /** The RPC, as `/package.Service/Method`. */
  readonly rpc: string;
  readonly request: MessageType;
  readonly response: MessageType;
}

/** Paths below `/v3/` (protocol.md section 6). A row whose RPC the service does not have answers 501. */
const rows: readonly (readonly [path: string, rpc: string, request: MessageType, response: MessageType])[] = [
  ['kv/range', 'etcdserverpb.KV/Range', kv.rangeRequest, kv.rangeResponse],
  ['kv/put', 'etcdserverpb.KV/Put', kv.putRequest, kv.putResponse],
  ['kv/deleterange', 'etcdserverpb.KV/DeleteRange', kv.deleteRangeRequest, kv.deleteRangeResponse],
  ['kv/txn', 'etcdserverpb.KV/Txn', kv.txnRequest, kv.txnResponse],
  ['kv/compaction', 'etcdserverpb.KV/Compact', kv.compactionRequest, kv.compactionResponse],
  ['watch', 'etcdserverpb.Watch/Watch', watch.watchRequest, watch.watchResponse],
  ['lease/grant', 'etcdserverpb.Lease/LeaseGrant', lease.grantRequest, lease.grantResponse],
  ['lease/revoke', 'etcdserverpb.Lease/LeaseRevoke', lease.revokeRequest, lease.revokeResponse],
  ['kv/lease/revoke', 'etcdserverpb.Lease/LeaseRevoke', lease.revokeRequest, lease.revokeResponse],
  ['lease/keepalive', 'etcdserverpb.Lease/LeaseKeepAlive', lease.keepAliveRequest, lease.keepAliveResponse],
  ['lease/timetolive', 'etcdserverpb.Lease/LeaseTimeToLive', lease.timeToLiveRequest, lease.timeToLiveResponse],
  ['kv/lease/timetolive', 'etcdserverpb.Lease/LeaseTimeToLive', lease.timeToLiveRequest, lease.timeToLiveResponse],
  ['lease/leases', 'etcdserverpb.Lease/LeaseLeases', lease.leasesRequest, lease.leasesResponse],
  ['kv/lease/leases', 'etcdserverpb.Lease/LeaseLeases', lease.leasesRequest, lease.leasesResponse],
  ['cluster/member/add', 'etcdserverpb.Cluster/MemberAdd', cluster.memberAddRequest, cluster.memberAddResponse],
  [
    'cluster/member/remove',
    'etcdserverpb.Cluster/MemberRemove',
    cluster.memberRemoveRequest,
    cluster.memberRemoveResponse,
  ],
  [
    'cluster/member/update',
    'etcdserverpb.Cluster/MemberUpdate',
    cluster.memberUpdateRequest,
    cluster.memberUpdateResponse,
  ],
  ['cluster/member/list', 'etcdserverpb.Cluster/MemberList', cluster.memberListRequest, cluster.memberListResponse],
  [
    'cluster/member/promote',
    'etcdserverpb.Cluster/MemberPromote',
    cluster.memberPromoteRequest,
    cluster.memberPromoteResponse,
  ],
  ['maintenance/alarm', 'etcdserverpb.Maintenance/Alarm', maintenance.alarmRequest, maintenance.alarmResponse],
  ['maintenance/status', 'etcdserverpb.Maintenance/Status', maintenance.statusRequest, maintenance.statusResponse],
  [
    'maintenance/defragment',
    'etcdserverpb.Maintenance/Defragment',
    maintenance.defragmentRequest,
    maintenance.defragmentResponse,
  ],
  ['maintenance/hash', 'etcdserverpb.Maintenance/Hash', maintenance.hashRequest, maintenance.hashResponse],
  ['maintenance/hashkv', 'etcdserverpb.Maintenance/HashKV', maintenance.hashKvRequest, maintenance.hashKvResponse],
  [
    'maintenance/snapshot',
    'etcdserverpb.Maintenance/Snapshot',
    maintenance.snapshotRequest,
    maintenance.snapshotResponse,
  ],
  [
    'maintenance/transfer-leadership',
    'etcdserverpb.Maintenance/MoveLeader',
    maintenance.moveLeaderRequest,
    maintenance.moveLeaderResponse,
  ],
  [
    'maintenance/downgrade',
    'etcdserverpb.Maintenance/Downgrade',
    maintenance.downgradeRequest,
    maintenance.downgradeResponse,
  ],
  ['auth/enable', 'etcdserverpb.Auth/AuthEnable', auth.enableRequest, auth.enableResponse],
  ['auth/disable', 'etcdserverpb.Auth/AuthDisable', auth.disableRequest, auth.disableResponse],
  ['auth/status', 'etcdserverpb.Auth/AuthStatus', auth.statusRequest, auth.statusResponse],
  ['auth/authenticate', 'etcdserverpb.Auth/Authenticate', auth.authenticateRequest, auth.authenticateResponse],
  ['auth/user/add', 'etcdserverpb.Auth/UserAdd', auth.userAddRequest, auth.userAddResponse],
  ['auth/user/get', 'etcdserverpb.Auth/UserGet', auth.userGetRequest, auth.userGetResponse],
  ['auth/user/list', 'etcdserverpb.Auth/UserList', auth.userListRequest, auth.userListResponse],
  ['auth/user/delete', 'etcdserverpb.Auth/UserDelete', auth.userDeleteRequest, auth.userDeleteResponse],
  [
    'auth/user/changepw',
    'etcdserverpb.Auth/UserChangePassword',
    auth.userChangePasswordRequest,
    auth.userChangePasswordResponse,
  ],
  ['auth/user/grant', 'etcdserverpb.Auth/UserGrantRole', auth.userGrantRoleRequest, auth.userGrantRoleResponse],
  ['auth/user/revoke', 'etcdserverpb.Auth/UserRevokeRole', auth.userRevokeRoleRequest, auth.userRevokeRoleResponse],
  ['auth/role/add', 'etcdserverpb.Auth/RoleAdd', auth.roleAddRequest, auth.roleAddResponse],
  ['auth/role/get', 'etcdserverpb.Auth/RoleGet', auth.roleGetRequest, auth.roleGetResponse],
  ['auth/role/list', 'etcdserverpb.Auth/RoleList', auth.roleListRequest, auth.roleListResponse],
  ['auth/role/delete', 'etcdserverpb.Auth/RoleDelete', auth.roleDeleteRequest, auth.roleDeleteResponse],
  [
    'auth/role/grant',
    'etcdserverpb.Auth/RoleGrantPermission',
    auth.roleGrantPermissionRequest,
    auth.roleGrantPermissionResponse,
  ],
  [
    'auth/role/revoke',
    'etcdserverpb.Auth/RoleRevokePermission',
    auth.roleRevokePermissionRequest,
    auth.roleRevokePermissionResponse,
  ],
  ['lock/lock', 'v3lockpb.Lock/Lock', lock.lockRequest, lock.lockResponse],
  ['lock/unlock', 'v3lockpb.Lock/Unlock', lock.unlockRequest, lock.unlockResponse],
  ['election/campaign', 'v3electionpb.Election/Campaign', election.campaignRequest, election.campaignResponse],
  ['election/proclaim', 'v3electionpb.Election/Proclaim', election.proclaimRequest, election.proclaimResponse],
  ['election/leader', 'v3electionpb.Election/Leader', election.leaderRequest, election.leaderResponse],
  ['election/observe', 'v3electionpb.Election/Observe', election.leaderRequest, election.leaderResponse],
  ['election/resign', 'v3electionpb.Election/Resign', election.resignRequest, election.resignResponse],
];

export const routes: ReadonlyMap<string, Route> = new Map(
  rows.map(([path, rpc, request, response]) => [`/v3/${path}`, { rpc: `/${rpc}`, request, response }]),
);

/** RPCs whose caller sends one message and is answered many. The other streams take many both ways. */
export const serverStreams: ReadonlySet<string> = new Set([
  '/etcdserverpb.Maintenance/Snapshot',
  '/v3electionpb.Election/Observe',
  '/grpc.health.v1.Health/Watch',
]);

/** `/v3beta/` is what etcd called `/v3/` before. */
export function routeOf(path: string): Route | undefined {
  return routes.get(path.startsWith('/v3beta/') ? `/v3/${path.slice('/v3beta/'.length)}` : path);
}
