import * as auth from './codec/auth.js';
import * as cluster from './codec/cluster.js';
import type { Codec } from './codec/codec.js';
import * as health from './codec/health.js';
import * as maintenance from './codec/maintenance.js';
import type { DuplexMethod, UnaryMethod } from './methods.js';

const { nothing, headerOnly, named, ofRole } = auth;

/** `etcdserverpb.Auth`, but `Authenticate`, which `authMethods` has. */
export const authAdminMethods = {
  enable: unary('/etcdserverpb.Auth/AuthEnable', nothing, headerOnly),
  disable: unary('/etcdserverpb.Auth/AuthDisable', nothing, headerOnly),
  status: unary('/etcdserverpb.Auth/AuthStatus', nothing, auth.authStatusResponse),
  userAdd: unary('/etcdserverpb.Auth/UserAdd', auth.userAddRequest, headerOnly),
  userGet: unary('/etcdserverpb.Auth/UserGet', named, auth.rolesResponse),
  userList: unary('/etcdserverpb.Auth/UserList', nothing, auth.userListResponse),
  userDelete: unary('/etcdserverpb.Auth/UserDelete', named, headerOnly),
  userChangePassword: unary('/etcdserverpb.Auth/UserChangePassword', auth.userChangePasswordRequest, headerOnly),
  userGrantRole: unary('/etcdserverpb.Auth/UserGrantRole', auth.userGrantRoleRequest, headerOnly),
  userRevokeRole: unary('/etcdserverpb.Auth/UserRevokeRole', auth.userRevokeRoleRequest, headerOnly),
  roleAdd: unary('/etcdserverpb.Auth/RoleAdd', named, headerOnly),
  roleGet: unary('/etcdserverpb.Auth/RoleGet', ofRole, auth.roleGetResponse),
  roleList: unary('/etcdserverpb.Auth/RoleList', nothing, auth.rolesResponse),
  roleDelete: unary('/etcdserverpb.Auth/RoleDelete', ofRole, headerOnly),
  roleGrantPermission: unary('/etcdserverpb.Auth/RoleGrantPermission', auth.roleGrantPermissionRequest, headerOnly),
  roleRevokePermission: unary('/etcdserverpb.Auth/RoleRevokePermission', auth.roleRevokePermissionRequest, headerOnly),
} as const;

export const clusterMethods = {
  memberAdd: unary('/etcdserverpb.Cluster/MemberAdd', cluster.memberAddRequest, cluster.memberAddResponse),
  memberRemove: unary('/etcdserverpb.Cluster/MemberRemove', cluster.ofMember, cluster.membersResponse),
  memberUpdate: unary('/etcdserverpb.Cluster/MemberUpdate', cluster.memberUpdateRequest, cluster.membersResponse),
  memberList: unary('/etcdserverpb.Cluster/MemberList', cluster.memberListRequest, cluster.membersResponse),
  memberPromote: unary('/etcdserverpb.Cluster/MemberPromote', cluster.ofMember, cluster.membersResponse),
} as const;

const snapshot: DuplexMethod<auth.Nothing, maintenance.SnapshotResponse> = {
  path: '/etcdserverpb.Maintenance/Snapshot',
  request: nothing,
  response: maintenance.snapshotResponse,
  duplex: true,
};

export const maintenanceMethods = {
  alarm: unary('/etcdserverpb.Maintenance/Alarm', maintenance.alarmRequest, maintenance.alarmResponse),
  status: unary('/etcdserverpb.Maintenance/Status', nothing, maintenance.statusResponse),
  defragment: unary('/etcdserverpb.Maintenance/Defragment', nothing, maintenance.bareResponse),
  hash: unary('/etcdserverpb.Maintenance/Hash', nothing, maintenance.hashResponse),
  hashKv: unary('/etcdserverpb.Maintenance/HashKV', maintenance.hashKvRequest, maintenance.hashKvResponse),
  /** One request, then a stream of answers. */
  snapshot,
  moveLeader: unary('/etcdserverpb.Maintenance/MoveLeader', maintenance.moveLeaderRequest, maintenance.bareResponse),
  downgrade: unary('/etcdserverpb.Maintenance/Downgrade', maintenance.downgradeRequest, maintenance.downgradeResponse),
} as const;

export const healthMethods = {
  check: unary('/grpc.health.v1.Health/Check', health.healthCheckRequest, health.healthCheckResponse),
} as const;

/** What tools ask of any server, besides its data. */
export const adminMethods = {
  status: maintenanceMethods.status,
  alarm: maintenanceMethods.alarm,
  memberList: clusterMethods.memberList,
  healthCheck: healthMethods.check,
} as const;

function unary<Request, Response>(
  path: string,
  request: Codec<Request>,
  response: Codec<Response>,
): UnaryMethod<Request, Response> {
  return { path, request, response };
}
