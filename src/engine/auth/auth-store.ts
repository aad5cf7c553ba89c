import { type Bytes, copyBytes, noBytes } from '../../core/bytes.js';
import type { AuthChange, AuthEntry, RoleRecord, UserRecord } from '../../store/auth-journal.js';
import type { Permission } from '../../store/auth-messages.js';
import { etcdError } from '../../store/etcd-errors.js';
import { comparePermissions, isValidPermission, type Rights, rightsOf, sameRange } from './permission.js';

/** The user that must exist before authentication can be enabled, and the role that may do everything. */
export const root = 'root';

export interface AuthStoreOptions {
  /** Told of every effect, in order, before the call that caused it returns. It must not call the store. */
  readonly onEntry?: ((entry: AuthEntry) => void) | undefined;
}

export interface NewUser {
  readonly name: string;
  readonly passwordHash: Bytes;
  readonly noPassword: boolean;
}

/**
 * Users, roles and their permissions (protocol.md 4.3), pure and synchronous. Passwords come in as hashes. A method
 * that throws (etcd's own error) has changed nothing; one that changes something raises the auth revision.
 */
export class AuthStore {
  readonly #users = new Map<string, UserRecord>();
  readonly #roles = new Map<string, RoleRecord>();
  readonly #rights = new Map<string, Rights>();
  readonly #onEntry: ((entry: AuthEntry) => void) | undefined;
  #enabled = false;
  #revision = 1n;

  constructor(options: AuthStoreOptions = {}) {
    this.#onEntry = options.onEntry;
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  get revision(): bigint {
    return this.#revision;
  }

  enable(): void {
    if (this.#enabled) return;
    const user = this.#users.get(root);
    if (user === undefined) throw etcdError('rootUserMissing');
    if (!user.roles.includes(root)) throw etcdError('rootRoleMissing');
    // As in etcd, this alone is no new revision.
    this.#commit(this.#revision, [{ type: 'enabled', enabled: true }]);
  }

  disable(): void {
    if (this.#enabled) this.#change({ type: 'enabled', enabled: false });
  }

  user(name: string): UserRecord | undefined {
    return this.#users.get(name);
  }

  /** Sorted. */
  userNames(): string[] {
    return [...this.#users.keys()].sort();
  }

  /** Throws what `addUser` would, for those who have work to do before it. */
  checkNewUser(name: string): void {
    if (name === '') throw etcdError('userEmpty');
    if (this.#users.has(name)) throw etcdError('userExists');
  }

  addUser({ name, passwordHash, noPassword }: NewUser): void {
    this.checkNewUser(name);
    const hash = noPassword ? noBytes : copyBytes(passwordHash);
    this.#change({ type: 'userSet', user: { name, passwordHash: hash, noPassword, roles: [] } });
  }

  deleteUser(name: string): void {
    if (this.#enabled && name === root) throw etcdError('invalidAuthManagement');
    this.getUser(name);
    this.#change({ type: 'userDeleted', name });
  }

  changePassword(name: string, passwordHash: Bytes): void {
    const user = this.getUser(name);
    const hash = user.noPassword ? noBytes : copyBytes(passwordHash);
    this.#change({ type: 'userSet', user: { ...user, passwordHash: hash } });
  }

  /** The role `root` need not exist to be granted. Granting a role again is no change. */
  grantRole(name: string, role: string): void {
    const user = this.getUser(name);
    if (role !== root) this.getRole(role);
    if (user.roles.includes(role)) return;
    this.#change({ type: 'userSet', user: { ...user, roles: [...user.roles, role].sort() } });
  }

  revokeRole(name: string, role: string): void {
    if (this.#enabled && name === root && role === root) throw etcdError('invalidAuthManagement');
    const user = this.getUser(name);
    if (!user.roles.includes(role)) throw etcdError('roleNotGranted');
    this.#change({ type: 'userSet', user: withoutRole(user, role) });
  }

  /** Sorted. */
  roleNames(): string[] {
    return [...this.#roles.keys()].sort();
  }

  addRole(name: string): void {
    if (name === '') throw etcdError('roleEmpty');
    if (this.#roles.has(name)) throw etcdError('roleExists');
    this.#change({ type: 'roleSet', role: { name, permissions: [] } });
  }

  /** Takes it from all users too. */
  deleteRole(name: string): void {
    if (this.#enabled && name === root) throw etcdError('invalidAuthManagement');
    this.getRole(name);
    const losers = [...this.#users.values()].filter((user) => user.roles.includes(name));
    const changes = losers.map((user): AuthChange => ({ type: 'userSet', user: withoutRole(user, name) }));
    this.#change({ type: 'roleDeleted', name }, ...changes);
  }

  /** A permission for the same keys is replaced. */
  grantPermission(name: string, permission: Permission | undefined): void {
    if (permission === undefined) throw etcdError('permissionNotGiven');
    if (!isValidPermission(permission)) throw etcdError('invalidAuthManagement');
    const role = this.getRole(name);
    const { permType, key, rangeEnd } = permission;
    const granted = { permType, key: copyBytes(key), rangeEnd: copyBytes(rangeEnd) };
    const others = role.permissions.filter((each) => !sameRange(each, granted));
    const permissions = [...others, granted].sort(comparePermissions);
    this.#change({ type: 'roleSet', role: { name, permissions } });
  }

  revokePermission(name: string, range: Pick<Permission, 'key' | 'rangeEnd'>): void {
    const role = this.getRole(name);
    const permissions = role.permissions.filter((each) => !sameRange(each, range));
    if (permissions.length === role.permissions.length) throw etcdError('permissionNotGranted');
    this.#change({ type: 'roleSet', role: { name, permissions } });
  }

  getUser(name: string): UserRecord {
    const user = this.#users.get(name);
    if (user === undefined) throw etcdError('userNotFound');
    return user;
  }

  getRole(name: string): RoleRecord {
    const role = this.#roles.get(name);
    if (role === undefined) throw etcdError('roleNotFound');
    return role;
  }

  isRoot(name: string): boolean {
    return this.#users.get(name)?.roles.includes(root) ?? false;
  }

  /** What the user's roles grant, without root's right to everything; undefined if there is no such user. */
  rightsOf(name: string): Rights | undefined {
    const user = this.#users.get(name);
    if (user === undefined) return undefined;
    let rights = this.#rights.get(name);
    if (rights === undefined) {
      rights = rightsOf(user.roles.flatMap((role) => this.#roles.get(role) ?? []));
      this.#rights.set(name, rights);
    }
    return rights;
  }

  /** Does again what the journal of another store tells, in its order. Nothing is checked, nobody is told. */
  restore(entries: Iterable<AuthEntry>): void {
    for (const entry of entries) this.#apply(entry);
  }

  /** One entry that makes this store again. */
  checkpoint(): AuthEntry {
    const roles = [...this.#roles.values()].map((role): AuthChange => ({ type: 'roleSet', role }));
    const users = [...this.#users.values()].map((user): AuthChange => ({ type: 'userSet', user }));
    const changes: AuthChange[] = [...roles, ...users, { type: 'enabled', enabled: this.#enabled }];
    return { revision: this.#revision, changes };
  }

  #change(...changes: AuthChange[]): void {
    this.#commit(this.#revision + 1n, changes);
  }

  #commit(revision: bigint, changes: readonly AuthChange[]): void {
    const entry = { revision, changes };
    this.#apply(entry);
    this.#onEntry?.(entry);
  }

  #apply({ revision, changes }: AuthEntry): void {
    for (const change of changes) this.#applyChange(change);
    this.#revision = revision;
    this.#rights.clear();
  }

  #applyChange(change: AuthChange): void {
    switch (change.type) {
      case 'enabled':
        this.#enabled = change.enabled;
        break;
      case 'userSet':
        this.#users.set(change.user.name, change.user);
        break;
      case 'userDeleted':
        this.#users.delete(change.name);
        break;
      case 'roleSet':
        this.#roles.set(change.role.name, change.role);
        break;
      case 'roleDeleted':
        this.#roles.delete(change.name);
        break;
    }
  }
}

function withoutRole(user: UserRecord, role: string): UserRecord {
  return { ...user, roles: user.roles.filter((each) => each !== role) };
}
