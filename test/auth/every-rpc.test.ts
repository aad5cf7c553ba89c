import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { Authority } from '../../src/server/auth/authority.js';
import { GuardedService } from '../../src/server/auth/guarded-service.js';
import type { WatchRequest, WatchResponse } from '../../src/store/messages.js';
import { authAdminMethods, clusterMethods, healthMethods, maintenanceMethods } from '../../src/wire/admin-methods.js';
import { electionMethods, lockMethods } from '../../src/wire/concurrency-methods.js';
import { authMethods, kvMethods, leaseMethods, type UnaryMethod, watchMethods } from '../../src/wire/methods.js';
import { eventually } from '../server/support/wait.js';
import { AuthWorld, type Outcome, outcomeOf, testHasher, told } from './support/auth-world.js';

/** Who calls: nobody known, somebody who may not, somebody who may, and root. */
const callers = ['no token', 'bad token', 'nora', 'alice', 'root'] as const;
type CallerName = (typeof callers)[number];

const noUser = '3 etcdserver: user name is empty';
const badToken = '16 etcdserver: invalid auth token';
const denied = '7 etcdserver: permission denied';

type Kind = 'open' | 'anyUser' | 'keys' | 'root' | 'services';

/** etcd's Lock and Election services tell every error of their own client as UNKNOWN. */
const asUnknown = (outcome: Outcome) => outcome.replace(/^\d+/, '2');

/** What each kind of RPC answers to each caller; `keys`: to those who may touch `app/`. */
const expected: Readonly<Record<Kind, Readonly<Record<CallerName, Outcome>>>> = {
  open: { 'no token': 'OK', 'bad token': 'OK', nora: 'OK', alice: 'OK', root: 'OK' },
  anyUser: { 'no token': noUser, 'bad token': badToken, nora: 'OK', alice: 'OK', root: 'OK' },
  keys: { 'no token': noUser, 'bad token': badToken, nora: denied, alice: 'OK', root: 'OK' },
  root: { 'no token': noUser, 'bad token': badToken, nora: denied, alice: denied, root: 'OK' },
  services: {
    ...{ 'no token': asUnknown(noUser), 'bad token': asUnknown(badToken), nora: asUnknown(denied) },
    ...{ alice: 'OK', root: 'OK' },
  },
};

interface Row {
  readonly path: string;
  readonly kind: Kind;
  readonly note: string;
  run(world: AuthWorld, token: string | undefined): Promise<Outcome>;
}

/** What root alone gets to hear beyond the check, where the request cannot succeed. */
const beyond: Readonly<Record<string, Outcome>> = {
  [clusterMethods.memberAdd.path]: '12 conclave: a server has one member; for more, move the data to etcd',
  [clusterMethods.memberRemove.path]: '2 etcdserver: re-configuration failed due to not enough started members',
  [clusterMethods.memberPromote.path]: '9 etcdserver: can only promote a learner member',
};

function unary<Request>(kind: Kind, method: UnaryMethod<Request, unknown>, request: Request, note = ''): Row {
  return { path: method.path, kind, note, run: (world, token) => world.outcome(method, request, token) };
}

const key = utf8('app/1');
const lease = 7n;
const memberId = 3n;
const nothing = {};
/** Put there before each call, at revision 3. */
const standing = { name: utf8('app/stands'), key: utf8('app/stands/7'), rev: 3n, lease };

const rows: readonly Row[] = [
  unary('keys', kvMethods.range, { key }),
  unary('keys', kvMethods.put, { key }),
  unary('keys', kvMethods.put, { key, lease }, 'on a lease with keys'),
  unary('keys', kvMethods.deleteRange, { key, prevKv: true }),
  unary('keys', kvMethods.txn, { compare: [{ key }], success: [{ type: 'put', request: { key } }] }),
  unary('root', kvMethods.compact, { revision: 2n }),
  unary('anyUser', leaseMethods.grant, { ttl: 10n }),
  unary('keys', leaseMethods.revoke, { id: lease }),
  unary('anyUser', leaseMethods.timeToLive, { id: lease }, 'without keys'),
  unary('keys', leaseMethods.timeToLive, { id: lease, keys: true }, 'with keys'),
  unary('keys', leaseMethods.leases, nothing),
  unary('open', healthMethods.check, { service: '' }),
  unary('open', authMethods.authenticate, { name: 'alice', password: 'alice-pw' }),
  unary('open', authAdminMethods.status, nothing),
  unary('root', authAdminMethods.enable, nothing),
  unary('root', authAdminMethods.disable, nothing),
  unary('root', authAdminMethods.userAdd, { name: 'x', password: 'x', options: undefined, hashedPassword: '' }),
  unary('root', authAdminMethods.userGet, { name: 'root' }, 'of somebody else'),
  unary('root', authAdminMethods.userList, nothing),
  unary('root', authAdminMethods.userDelete, { name: 'nora' }),
  unary('root', authAdminMethods.userChangePassword, { name: 'nora', password: 'x', hashedPassword: '' }),
  unary('root', authAdminMethods.userGrantRole, { user: 'nora', role: 'app' }),
  unary('root', authAdminMethods.userRevokeRole, { name: 'alice', role: 'app' }),
  unary('root', authAdminMethods.roleAdd, { name: 'x' }),
  unary('keys', authAdminMethods.roleGet, { role: 'app' }, "one's own"),
  unary('root', authAdminMethods.roleList, nothing),
  unary('root', authAdminMethods.roleDelete, { role: 'app' }),
  unary('root', authAdminMethods.roleGrantPermission, {
    name: 'app',
    perm: { permType: 0, key, rangeEnd: new Uint8Array(0) },
  }),
  unary('root', authAdminMethods.roleRevokePermission, {
    role: 'app',
    key: utf8('app/'),
    rangeEnd: utf8('app0'),
  }),
  unary('anyUser', clusterMethods.memberList, { linearizable: true }),
  unary('root', clusterMethods.memberAdd, { peerUrls: ['http://127.0.0.1:1'], isLearner: false }),
  unary('root', clusterMethods.memberRemove, { id: memberId }),
  unary('root', clusterMethods.memberUpdate, { id: memberId, peerUrls: ['http://127.0.0.1:1'] }),
  unary('root', clusterMethods.memberPromote, { id: memberId }),
  unary('anyUser', maintenanceMethods.status, nothing),
  unary('anyUser', maintenanceMethods.alarm, { action: 0, memberId: 0n, alarm: 0 }, 'get'),
  unary('root', maintenanceMethods.alarm, { action: 1, memberId: 0n, alarm: 1 }, 'activate'),
  unary('root', maintenanceMethods.alarm, { action: 2, memberId: 0n, alarm: 1 }, 'deactivate'),
  unary('root', maintenanceMethods.defragment, nothing),
  unary('root', maintenanceMethods.hash, nothing),
  unary('root', maintenanceMethods.hashKv, { revision: 0n }),
  unary('root', maintenanceMethods.moveLeader, { targetId: memberId }),
  unary('root', maintenanceMethods.downgrade, { action: 0, version: '3.4.0' }),
  unary('services', lockMethods.lock, { name: utf8('app/lock'), lease }),
  unary('services', lockMethods.unlock, { key }),
  unary('services', electionMethods.campaign, { name: utf8('app/election'), lease, value: utf8('x') }),
  unary('services', electionMethods.leader, { name: utf8('app/stands') }),
  unary('services', electionMethods.proclaim, { leader: standing, value: utf8('x') }),
  unary('services', electionMethods.resign, { leader: standing }),
  {
    path: electionMethods.observe.path,
    kind: 'services',
    note: '',
    run: async (world, token) => {
      const call = world.open(electionMethods.observe, token).ask({ name: utf8('app/stands') });
      await eventually(() => call.sent.length + call.ends.length > 0);
      call.close();
      return call.ends[0] === undefined ? 'OK' : told(call.ends[0]);
    },
  },
  {
    path: maintenanceMethods.snapshot.path,
    kind: 'root',
    note: '',
    run: async (world, token) => {
      const { ends } = world.open(maintenanceMethods.snapshot, token).ask(nothing);
      return ends[0] === undefined ? 'OK' : told(ends[0]);
    },
  },
  {
    path: leaseMethods.keepAlive.path,
    kind: 'keys',
    note: '',
    run: async (world, token) => {
      const call = world.open(leaseMethods.keepAlive, token).ask({ id: lease });
      call.close();
      return call.ends[0] === undefined ? `OK`.repeat(call.sent.length) : told(call.ends[0]);
    },
  },
  {
    path: watchMethods.watch.path,
    kind: 'keys',
    note: '',
    run: async (world, token) => {
      const call = world.open<WatchRequest, WatchResponse>(watchMethods.watch, token);
      const [answer] = call.ask({ type: 'create', request: { key } }).sent;
      call.close();
      expect(call.ends).toEqual([]);
      return answer?.canceled ? asStatus(answer.cancelReason) : 'OK';
    },
  },
];

/** `rpc error: code = Unauthenticated desc = …` as status and text. */
function asStatus(reason: string): Outcome {
  const [, name, text] = /^rpc error: code = (\w+) desc = (.*)$/.exec(reason) ?? [];
  const statuses: Readonly<Record<string, number>> = { InvalidArgument: 3, PermissionDenied: 7, Unauthenticated: 16 };
  return `${statuses[name ?? '']} ${text}`;
}

// etcd-difference: rights-maintenance
// etcd-difference: status-any-user
// etcd-difference: auth-status-open
// etcd-difference: rights-no-user
// etcd-difference: member-add
describe('every RPC, while authentication is enabled', () => {
  let world: AuthWorld;
  const tokens = new Map<CallerName, string | undefined>();

  beforeEach(async () => {
    world = new AuthWorld({ memberId });
    world.host.leaseGrant({ id: lease, ttl: 60n });
    world.host.put({ key, lease });
    world.host.put({ key: standing.key, lease });
    await world.populate();
    tokens.set('no token', undefined).set('bad token', 'AAAAAAAAAAAAAAAA.1');
    for (const name of ['nora', 'alice', 'root'] as const) tokens.set(name, await world.login(name));
  });
  afterEach(() => world.host.close());

  for (const { path, kind, note, run } of rows) {
    for (const caller of callers) {
      it(`${path} ${note} by ${caller}`, async () => {
        const outcome = await run(world, tokens.get(caller));
        const allowed = expected[kind][caller];
        expect(outcome).toBe(allowed === 'OK' ? (beyond[path] ?? 'OK') : allowed);
      });
    }
  }

  it('the table above has every method of the service', () => {
    const data = [kvMethods, watchMethods, leaseMethods, lockMethods, electionMethods];
    const groups = [...data, authMethods, authAdminMethods, clusterMethods];
    const methods = [...groups, maintenanceMethods, healthMethods].flatMap((group) => Object.values(group));
    expect(new Set(rows.map(({ path }) => path))).toEqual(new Set(methods.map(({ path }) => path)));
    for (const { path } of methods) {
      expect(world.service.unary(path) ?? world.service.duplex(path), path).toBeDefined();
    }
  });

  it("tells a user about itself, but not about others' roles", async () => {
    const token = tokens.get('nora');
    expect(await world.outcome(authAdminMethods.userGet, { name: 'nora' }, token)).toBe('OK');
    expect(await world.outcome(authAdminMethods.userGet, { name: 'nobody' }, token)).toBe(denied);
    expect(await world.outcome(authAdminMethods.userGet, { name: '' })).toBe(noUser);
  });

  it('refuses a method that nobody has made a rule for', async () => {
    const method = { ...kvMethods.range, path: '/x.Y/Z' };
    const handler = { method, handle: async () => ({}) };
    const authority = new Authority({ runtime: world.runtime, store: world.auth, hasher: testHasher });
    const inner = { unary: () => handler, duplex: () => undefined, hasService: () => true };
    const guarded = new GuardedService(inner, world.host, authority).unary(method.path);
    const call = (token?: string) => {
      const metadata = token === undefined ? {} : { token };
      return outcomeOf(guarded?.handle({}, { metadata, signal: new AbortController().signal }) as Promise<unknown>);
    };
    expect(await call()).toBe(noUser);
    expect(await call(authority.tokens.issue('alice'))).toBe(denied);
    expect(await call(authority.tokens.issue('root'))).toBe('OK');
  });
});

// etcd-difference: token-while-disabled
describe('every RPC, while authentication is disabled', () => {
  it.each([undefined, 'AAAAAAAAAAAAAAAA.1', ''])('is open, and no token (%s) matters', async (token) => {
    const world = new AuthWorld({ memberId });
    expect(await world.outcome(kvMethods.put, { key }, token)).toBe('OK');
    expect(await world.outcome(authAdminMethods.userList, {}, token)).toBe('OK');
    expect(await world.outcome(authMethods.authenticate, { name: 'a', password: 'b' }, token)).toBe(
      '9 etcdserver: authentication is not enabled',
    );
    const watch = world.open(watchMethods.watch, token).ask({ type: 'create', request: { key } });
    expect(watch.sent).toMatchObject([{ created: true, canceled: false }]);
    watch.close();
    world.host.close();
  });
});
