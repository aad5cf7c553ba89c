import { enumOf, field, list, message } from '../message-type.js';
import { empty, header, headerAndNames, headerOnly, only } from './common.js';

const text = (number: number) => field(number, 'string');

export const permission = message('authpb.Permission', () => ({
  permType: field(1, enumOf('READ', 'WRITE', 'READWRITE')),
  key: field(2, 'bytes'),
  range_end: field(3, 'bytes'),
}));

const userAddOptions = only('authpb.UserAddOptions', 'no_password', field(1, 'bool'));

export const enableRequest = empty('etcdserverpb.AuthEnableRequest');
export const enableResponse = headerOnly('etcdserverpb.AuthEnableResponse');
export const disableRequest = empty('etcdserverpb.AuthDisableRequest');
export const disableResponse = headerOnly('etcdserverpb.AuthDisableResponse');
export const statusRequest = empty('etcdserverpb.AuthStatusRequest');
export const statusResponse = message('etcdserverpb.AuthStatusResponse', () => ({
  header,
  enabled: field(2, 'bool'),
  authRevision: field(3, 'uint64'),
}));

export const authenticateRequest = message('etcdserverpb.AuthenticateRequest', () => ({
  name: text(1),
  password: text(2),
}));
export const authenticateResponse = message('etcdserverpb.AuthenticateResponse', () => ({ header, token: text(2) }));

export const userAddRequest = message('etcdserverpb.AuthUserAddRequest', () => ({
  name: text(1),
  password: text(2),
  options: field(3, userAddOptions),
  hashedPassword: text(4),
}));
export const userAddResponse = headerOnly('etcdserverpb.AuthUserAddResponse');
export const userGetRequest = only('etcdserverpb.AuthUserGetRequest', 'name', text(1));
export const userGetResponse = headerAndNames('etcdserverpb.AuthUserGetResponse', 'roles');
export const userListRequest = empty('etcdserverpb.AuthUserListRequest');
export const userListResponse = headerAndNames('etcdserverpb.AuthUserListResponse', 'users');
export const userDeleteRequest = only('etcdserverpb.AuthUserDeleteRequest', 'name', text(1));
export const userDeleteResponse = headerOnly('etcdserverpb.AuthUserDeleteResponse');
export const userChangePasswordRequest = message('etcdserverpb.AuthUserChangePasswordRequest', () => ({
  name: text(1),
  password: text(2),
  hashedPassword: text(3),
}));
export const userChangePasswordResponse = headerOnly('etcdserverpb.AuthUserChangePasswordResponse');
export const userGrantRoleRequest = message('etcdserverpb.AuthUserGrantRoleRequest', () => ({
  user: text(1),
  role: text(2),
}));
export const userGrantRoleResponse = headerOnly('etcdserverpb.AuthUserGrantRoleResponse');
export const userRevokeRoleRequest = message('etcdserverpb.AuthUserRevokeRoleRequest', () => ({
  name: text(1),
  role: text(2),
}));
export const userRevokeRoleResponse = headerOnly('etcdserverpb.AuthUserRevokeRoleResponse');

export const roleAddRequest = only('etcdserverpb.AuthRoleAddRequest', 'name', text(1));
export const roleAddResponse = headerOnly('etcdserverpb.AuthRoleAddResponse');
export const roleGetRequest = only('etcdserverpb.AuthRoleGetRequest', 'role', text(1));
export const roleGetResponse = message('etcdserverpb.AuthRoleGetResponse', () => ({
  header,
  perm: list(2, permission),
}));
export const roleListRequest = empty('etcdserverpb.AuthRoleListRequest');
export const roleListResponse = headerAndNames('etcdserverpb.AuthRoleListResponse', 'roles');
export const roleDeleteRequest = only('etcdserverpb.AuthRoleDeleteRequest', 'role', text(1));
export const roleDeleteResponse = headerOnly('etcdserverpb.AuthRoleDeleteResponse');
export const roleGrantPermissionRequest = message('etcdserverpb.AuthRoleGrantPermissionRequest', () => ({
  name: text(1),
  perm: field(2, permission),
}));
export const roleGrantPermissionResponse = headerOnly('etcdserverpb.AuthRoleGrantPermissionResponse');
export const roleRevokePermissionRequest = message('etcdserverpb.AuthRoleRevokePermissionRequest', () => ({
  role: text(1),
  key: field(2, 'bytes'),
  range_end: field(3, 'bytes'),
}));
export const roleRevokePermissionResponse = headerOnly('etcdserverpb.AuthRoleRevokePermissionResponse');
