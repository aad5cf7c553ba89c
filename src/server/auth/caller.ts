import { KeyRights, type LeaseKeys } from '../../engine/auth/key-rights.js';
import { etcdError } from '../../store/etcd-errors.js';
import type { RpcContext } from '../../wire/rpc-service.js';
import type { Authority } from './authority.js';

/** Who makes a call, and what that user may do. Asked while authentication is enabled, and only then. */
export class Caller {
  readonly #authority: Authority;
  readonly #leaseKeys: LeaseKeys;
  /** Throws what etcd answers to a call without a user, or with a token that it does not know. */
  readonly name: string;

  constructor(authority: Authority, leaseKeys: LeaseKeys, context: RpcContext) {
    this.#authority = authority;
    this.#leaseKeys = leaseKeys;
    this.name = nameOf(authority, context);
  }

  get isRoot(): boolean {
    return this.#authority.store.isRoot(this.name);
  }

  requireRoot(): void {
    if (!this.isRoot) throw etcdError('permissionDenied');
  }

  hasRole(role: string): boolean {
    return this.#authority.store.user(this.name)?.roles.includes(role) ?? false;
  }

  /** Undefined for root, who may do everything. */
  keys(): KeyRights | undefined {
    if (this.isRoot) return undefined;
    const rights = this.#authority.store.rightsOf(this.name);
    if (rights === undefined) throw etcdError('permissionDenied');
    return new KeyRights(rights, this.#leaseKeys);
  }
}

function nameOf(authority: Authority, { metadata, peer }: RpcContext): string {
  const token = tokenOf(metadata);
  if (token === undefined) {
    const name = peer?.certificateName;
    if (name === undefined || name === '') throw etcdError('userEmpty');
    return name;
  }
  const name = authority.tokens.use(token);
  if (name === undefined) throw etcdError('invalidAuthToken');
  return name;
}

/** `token` goes before `authorization`, where `Bearer` may stand before it. Of several values the first counts. */
function tokenOf(metadata: Readonly<Record<string, string>>): string | undefined {
  const value = metadata.token ?? metadata.authorization;
  return value
    ?.split(',', 1)[0]
    ?.replace(/^bearer /i, '')
    .trim();
}
