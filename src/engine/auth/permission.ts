import { compareBytes, sameBytes } from '../../core/bytes.js';
import type { RoleRecord } from '../../store/auth-journal.js';
import { type Permission, PermissionType } from '../../store/auth-messages.js';
import { isOpenEnd, keyRange } from '../key-range.js';
import { GrantedRanges } from './granted-ranges.js';

/** What a user may read and write: the union of what its roles grant. */
export interface Rights {
  readonly read: GrantedRanges;
  readonly write: GrantedRanges;
}

export function rightsOf(roles: readonly RoleRecord[]): Rights {
  const permissions = roles.flatMap((role) => role.permissions);
  const ranges = (without: number) =>
    new GrantedRanges(
      permissions.filter(({ permType }) => permType !== without).map(({ key, rangeEnd }) => keyRange(key, rangeEnd)),
    );
  return { read: ranges(PermissionType.write), write: ranges(PermissionType.read) };
}

/** Whether a role can hold it. Unlike etcd, which takes it and never acts on it, we refuse a type that nobody knows. */
export function isValidPermission({ permType, key, rangeEnd }: Permission): boolean {
  if (permType !== PermissionType.read && permType !== PermissionType.write && permType !== PermissionType.readWrite) {
    return false;
  }
  if (key.length === 0) return false;
  return rangeEnd.length === 0 || isOpenEnd(rangeEnd) || compareBytes(key, rangeEnd) < 0;
}

export function sameRange(a: Pick<Permission, 'key' | 'rangeEnd'>, b: Pick<Permission, 'key' | 'rangeEnd'>): boolean {
  return sameBytes(a.key, b.key) && sameBytes(a.rangeEnd, b.rangeEnd);
}

export function comparePermissions(a: Permission, b: Permission): number {
  return compareBytes(a.key, b.key) || compareBytes(a.rangeEnd, b.rangeEnd);
}
