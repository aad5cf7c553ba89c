import type { Bytes } from '../../core/bytes.js';
import type { Permission } from '../../store/auth-messages.js';
import type { ResponseHeader } from '../../store/messages.js';
import type { HeaderOnly } from './common.js';
import {
  bool,
  bytes,
  enumeration,
  fieldCodec,
  fieldTable,
  header,
  noFields,
  optional,
  repeated,
  text,
  texts,
  uint64,
} from './fields.js';

/** Requests that say nothing. */
export type Nothing = Record<never, never>;

export interface AuthenticateRequest {
  readonly name: string;
  readonly password: string;
}

export interface AuthenticateResponse {
  readonly header: ResponseHeader;
  /** Goes with every later call as metadata `token`. */
  readonly token: string;
}

export interface AuthStatusResponse {
  readonly header: ResponseHeader;
  readonly enabled: boolean;
  readonly authRevision: bigint;
}

export interface UserAddRequest {
  readonly name: string;
  readonly password: string;
  readonly options: { readonly noPassword: boolean } | undefined;
  /** For etcd's own log; from clients it is ignored, as etcd ignores it. */
  readonly hashedPassword: string;
}

export interface UserChangePasswordRequest {
  readonly name: string;
  readonly password: string;
  readonly hashedPassword: string;
}

export interface Named {
  readonly name: string;
}

/** A request about one role calls it `role`, but `RoleAdd`. */
export interface OfRole {
  readonly role: string;
}

export interface UserGrantRoleRequest {
  readonly user: string;
  readonly role: string;
}

export interface UserRevokeRoleRequest {
  readonly name: string;
  readonly role: string;
}

export interface RoleGrantPermissionRequest {
  readonly name: string;
  readonly perm: Permission | undefined;
}

export interface RoleRevokePermissionRequest {
  readonly role: string;
  readonly key: Bytes;
  readonly rangeEnd: Bytes;
}

export interface RolesResponse {
  readonly header: ResponseHeader;
  readonly roles: readonly string[];
}

export interface UserListResponse {
  readonly header: ResponseHeader;
  readonly users: readonly string[];
}

export interface RoleGetResponse {
  readonly header: ResponseHeader;
  readonly perm: readonly Permission[];
}

export const permission = fieldTable<Permission>({ permType: enumeration(1), key: bytes(2), rangeEnd: bytes(3) });
const userAddOptions = fieldTable({ noPassword: bool(1) });

export const nothing = fieldCodec<Nothing>(noFields);
export const headerOnly = fieldCodec<HeaderOnly>({ header: header() });

export const authenticateRequest = fieldCodec<AuthenticateRequest>({ name: text(1), password: text(2) });
export const authenticateResponse = fieldCodec<AuthenticateResponse>({ header: header(), token: text(2) });
export const authStatusResponse = fieldCodec<AuthStatusResponse>({
  header: header(),
  enabled: bool(2),
  authRevision: uint64(3),
});

export const userAddRequest = fieldCodec<UserAddRequest>({
  name: text(1),
  password: text(2),
  options: optional(3, userAddOptions),
  hashedPassword: text(4),
});
export const userChangePasswordRequest = fieldCodec<UserChangePasswordRequest>({
  name: text(1),
  password: text(2),
  hashedPassword: text(3),
});
export const named = fieldCodec<Named>({ name: text(1) });
export const ofRole = fieldCodec<OfRole>({ role: text(1) });
export const userGrantRoleRequest = fieldCodec<UserGrantRoleRequest>({ user: text(1), role: text(2) });
export const userRevokeRoleRequest = fieldCodec<UserRevokeRoleRequest>({ name: text(1), role: text(2) });
export const roleGrantPermissionRequest = fieldCodec<RoleGrantPermissionRequest>({
  name: text(1),
  perm: optional(2, permission),
});
export const roleRevokePermissionRequest = fieldCodec<RoleRevokePermissionRequest>({
  role: text(1),
  key: bytes(2),
  rangeEnd: bytes(3),
});
export const rolesResponse = fieldCodec<RolesResponse>({ header: header(), roles: texts(2) });
export const userListResponse = fieldCodec<UserListResponse>({ header: header(), users: texts(2) });
export const roleGetResponse = fieldCodec<RoleGetResponse>({ header: header(), perm: repeated(2, permission) });
