import type { Bytes } from '../core/bytes.js';
import type { Permission } from './auth-messages.js';

/** A user as the store keeps it. */
export interface UserRecord {
  readonly name: string;
  /** Whatever the server makes of the password: the store never looks into it. Empty without one. */
  readonly passwordHash: Bytes;
  /** Whether the user cannot log in with a password at all, for users that are known by a certificate. */
  readonly noPassword: boolean;
  /** Sorted. */
  readonly roles: readonly string[];
}

export interface RoleRecord {
  readonly name: string;
  /** Sorted by key. */
  readonly permissions: readonly Permission[];
}

/** The effect of one step on one user, role or switch. */
export type AuthChange =
  | { readonly type: 'enabled'; readonly enabled: boolean }
  | { readonly type: 'userSet'; readonly user: UserRecord }
  | { readonly type: 'userDeleted'; readonly name: string }
  | { readonly type: 'roleSet'; readonly role: RoleRecord }
  | { readonly type: 'roleDeleted'; readonly name: string };

/** What one request did, whole, and the auth revision that it led to. Replaying needs no clock and no hashing. */
export interface AuthEntry {
  readonly revision: bigint;
  readonly changes: readonly AuthChange[];
}
