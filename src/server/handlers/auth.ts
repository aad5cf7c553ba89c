import { type Bytes, noBytes } from '../../core/bytes.js';
import type { EngineHost } from '../../engine/engine-host.js';
import { etcdError } from '../../store/etcd-errors.js';
import { authAdminMethods as methods } from '../../wire/admin-methods.js';
import { authMethods } from '../../wire/methods.js';
import type { RpcContext, UnaryHandler } from '../../wire/rpc-service.js';
import type { Authority } from '../auth/authority.js';
import { Caller } from '../auth/caller.js';
import { unaryHandler } from './unary-handler.js';

/** `etcdserverpb.Auth`. */
export function authHandlers(host: EngineHost, authority: Authority): UnaryHandler<unknown, unknown>[] {
  const header = () => host.engine.header();
  return [
    ...switchHandlers(host, authority),
    ...userHandlers(host, authority),
    ...roleHandlers(host, authority),
    passwordHandler(methods.userAdd, async ({ name, options, ...given }, context) => {
      const noPassword = options?.noPassword ?? false;
      authority.store.checkNewUser(name);
      const passwordHash = noPassword ? noBytes : await passwordHashOf(authority, given);
      checkStillRoot(host, authority, context);
      authority.store.addUser({ name, passwordHash, noPassword });
      return { header: header() };
    }),
    passwordHandler(methods.userChangePassword, async ({ name, ...given }, context) => {
      authority.store.getUser(name);
      const passwordHash = await passwordHashOf(authority, given);
      checkStillRoot(host, authority, context);
      authority.changePassword(name, passwordHash);
      return { header: header() };
    }),
    passwordHandler(authMethods.authenticate, async ({ name, password }, { peer }) => {
      const token = await authority.authenticate(name, password, peer?.address);
      return { header: header(), token };
    }),
  ];
}

function switchHandlers({ engine }: EngineHost, authority: Authority): UnaryHandler<unknown, unknown>[] {
  const { store } = authority;
  return [
    unaryHandler(methods.enable, () => {
      store.enable();
      return { header: engine.header() };
    }),
    unaryHandler(methods.disable, () => {
      authority.disable();
      return { header: engine.header() };
    }),
    unaryHandler(methods.status, () => ({
      header: engine.header(),
      enabled: store.enabled,
      authRevision: store.revision,
    })),
  ];
}

function userHandlers({ engine }: EngineHost, authority: Authority): UnaryHandler<unknown, unknown>[] {
  const { store } = authority;
  return [
    unaryHandler(methods.userGet, ({ name }) => ({ header: engine.header(), roles: store.getUser(name).roles })),
    unaryHandler(methods.userList, () => ({ header: engine.header(), users: store.userNames() })),
    unaryHandler(methods.userDelete, ({ name }) => {
      authority.deleteUser(name);
      return { header: engine.header() };
    }),
    unaryHandler(methods.userGrantRole, ({ user, role }) => {
      store.grantRole(user, role);
      return { header: engine.header() };
    }),
    unaryHandler(methods.userRevokeRole, ({ name, role }) => {
      store.revokeRole(name, role);
      return { header: engine.header() };
    }),
  ];
}

function roleHandlers({ engine }: EngineHost, { store }: Authority): UnaryHandler<unknown, unknown>[] {
  return [
    unaryHandler(methods.roleAdd, ({ name }) => {
      store.addRole(name);
      return { header: engine.header() };
    }),
    unaryHandler(methods.roleGet, ({ role }) => ({ header: engine.header(), perm: store.getRole(role).permissions })),
    unaryHandler(methods.roleList, () => ({ header: engine.header(), roles: store.roleNames() })),
    unaryHandler(methods.roleDelete, ({ role }) => {
      store.deleteRole(role);
      return { header: engine.header() };
    }),
    unaryHandler(methods.roleGrantPermission, ({ name, perm }) => {
      store.grantPermission(name, perm);
      return { header: engine.header() };
    }),
    unaryHandler(methods.roleRevokePermission, ({ role, key, rangeEnd }) => {
      store.revokePermission(role, { key, rangeEnd });
      return { header: engine.header() };
    }),
  ];
}

/** A handler that waits for a password hash. */
function passwordHandler<Request, Response>(
  method: UnaryHandler<Request, Response>['method'],
  handle: UnaryHandler<Request, Response>['handle'],
): UnaryHandler<Request, Response> {
  return { method, handle };
}

/**
 * Without a password, a hash that the caller brings, in base64, as etcd takes it since 3.5. (Its `UserAdd` overwrites
 * that by the hash of the empty password, with which everybody could log in.)
 */
async function passwordHashOf(
  authority: Authority,
  { password, hashedPassword }: { readonly password: string; readonly hashedPassword: string },
): Promise<Bytes> {
  if (password !== '' || hashedPassword === '') return authority.hash(password);
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(hashedPassword)) {
    throw etcdError('noPasswordUser');
  }
  return Buffer.from(hashedPassword, 'base64');
}

/** While a hash was computed, the caller may have lost its right, or authentication been enabled. */
function checkStillRoot(host: EngineHost, authority: Authority, context: RpcContext): void {
  if (!authority.store.enabled) return;
  new Caller(authority, (id) => host.engine.leaseKeys(id), context).requireRoot();
}
