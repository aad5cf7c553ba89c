import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { AuthStore } from '../../src/engine/auth/auth-store.js';
import type { AuthEntry } from '../../src/store/auth-journal.js';
import { authEntry } from '../../src/wire/codec/auth-entry.js';

const hash = utf8('hash');
const user = (name: string) => ({ name, passwordHash: hash, noPassword: false });
const grant = (key: string, permType = 0) => ({ permType, key: utf8(key), rangeEnd: new Uint8Array(0) });

function withRoot(): AuthStore {
  const store = new AuthStore();
  store.addUser(user('root'));
  store.grantRole('root', 'root');
  return store;
}

/** What can be seen of a store. */
function look(store: AuthStore): unknown {
  const { enabled, revision } = store;
  const users = store.userNames().map((name) => store.getUser(name));
  return { enabled, revision, users, roles: store.roleNames().map((name) => store.getRole(name)) };
}

describe('AuthStore', () => {
  it('starts at revision 1, and every change but enabling raises it', () => {
    const store = new AuthStore();
    const revisions = [store.revision];
    const steps = [
      () => store.addUser(user('root')),
      () => store.grantRole('root', 'root'),
      () => store.grantRole('root', 'root'),
      () => store.addRole('r'),
      () => store.grantPermission('r', grant('a')),
      () => store.enable(),
      () => store.enable(),
      () => store.disable(),
      () => store.disable(),
    ];
    for (const step of steps) {
      step();
      revisions.push(store.revision);
    }
    expect(revisions).toEqual([1n, 2n, 3n, 3n, 4n, 5n, 5n, 5n, 6n, 6n]);
  });

  it.each<[string, (store: AuthStore) => void, string]>([
    ['a user without a name', (store) => store.addUser(user('')), 'user name is empty'],
    ['a user that is there', (store) => store.addUser(user('root')), 'user name already exists'],
    ['a role without a name', (store) => store.addRole(''), 'role name is empty'],
    ['deleting root', (store) => store.deleteUser('root'), 'invalid auth management'],
    ['taking root from root', (store) => store.revokeRole('root', 'root'), 'invalid auth management'],
    ['deleting the role root', (store) => store.deleteRole('root'), 'invalid auth management'],
    ['a role that is not there', (store) => store.grantRole('root', 'x'), 'role name not found'],
    ['a role that is not held', (store) => store.revokeRole('root', 'x'), 'role is not granted to the user'],
    ['no permission', (store) => store.grantPermission('x', undefined), 'permission not given'],
    ['a permission without a key', (store) => store.grantPermission('x', grant('')), 'invalid auth management'],
    // etcd-difference: permission-missing
    // etcd-difference: permission-bad-range
    ['a permission of no known type', (store) => store.grantPermission('x', grant('a', 3)), 'invalid auth management'],
    ['a permission for no role', (store) => store.grantPermission('x', grant('a')), 'role name not found'],
  ])('refuses %s, and changes nothing', (_, step, text) => {
    const store = withRoot();
    store.enable();
    const before = look(store);
    expect(() => step(store)).toThrow(`etcdserver: ${text}`);
    expect(look(store)).toEqual(before);
  });

  it('is enabled only with a root user that has the role root', () => {
    const store = new AuthStore();
    expect(() => store.enable()).toThrow('root user does not exist');
    store.addUser(user('root'));
    expect(() => store.enable()).toThrow('root user does not have root role');
    store.grantRole('root', 'root');
    store.enable();
    expect(store.enabled).toBe(true);
  });

  // etcd-difference: permission-same-key
  it('replaces a permission for the same keys, also among others that start there', () => {
    const store = new AuthStore();
    store.addRole('r');
    const long = { ...grant('a'), rangeEnd: utf8('c') };
    const longer = { ...grant('a'), rangeEnd: utf8('d') };
    for (const each of [longer, long, grant('a'), { ...longer, permType: 2 }]) store.grantPermission('r', each);
    expect(store.getRole('r').permissions.map(({ permType, rangeEnd }) => [permType, rangeEnd.length])).toEqual([
      [0, 0],
      [0, 1],
      [2, 1],
    ]);
    store.revokePermission('r', long);
    expect(store.getRole('r').permissions.length).toBe(2);
    expect(() => store.revokePermission('r', long)).toThrow('permission is not granted to the role');
  });

  it('takes a role that is deleted from its users, and their rights at once', () => {
    const store = withRoot();
    store.addRole('r');
    store.grantPermission('r', grant('a'));
    store.addUser(user('u'));
    store.grantRole('u', 'r');
    const range = { start: 'a', end: 'a\0', single: true };
    expect(store.rightsOf('u')?.read.covers(range)).toBe(true);
    store.deleteRole('r');
    expect(store.rightsOf('u')?.read.covers(range)).toBe(false);
    expect(store.getUser('u').roles).toEqual([]);
    expect(store.rightsOf('nobody')).toBeUndefined();
  });

  it('is made again by its journal and by its checkpoint, through their codec', () => {
    const name = fc.constantFrom('root', 'a', 'b');
    const step: fc.Arbitrary<(store: AuthStore) => void> = fc.oneof(
      name.map((each) => (store: AuthStore) => store.addUser(user(each))),
      name.map((each) => (store: AuthStore) => store.deleteUser(each)),
      name.map((each) => (store: AuthStore) => store.changePassword(each, utf8('other'))),
      name.map((each) => (store: AuthStore) => store.addRole(each)),
      name.map((each) => (store: AuthStore) => store.deleteRole(each)),
      fc.tuple(name, name).map(
        ([each, role]) =>
          (store: AuthStore) =>
            store.grantRole(each, role),
      ),
      fc.tuple(name, name).map(
        ([each, role]) =>
          (store: AuthStore) =>
            store.revokeRole(each, role),
      ),
      fc.tuple(name, name).map(
        ([each, key]) =>
          (store: AuthStore) =>
            store.grantPermission(each, grant(key)),
      ),
      fc.tuple(name, name).map(
        ([each, key]) =>
          (store: AuthStore) =>
            store.revokePermission(each, grant(key)),
      ),
      fc.constant((store: AuthStore) => store.enable()),
      fc.constant((store: AuthStore) => store.disable()),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const entries: AuthEntry[] = [];
        const store = new AuthStore({ onEntry: (entry) => entries.push(authEntry.decode(authEntry.encode(entry))) });
        for (const each of steps) {
          const before = [look(store), entries.length];
          try {
            each(store);
          } catch {
            expect([look(store), entries.length]).toEqual(before);
          }
        }
        const replayed = new AuthStore();
        replayed.restore(entries);
        const checkpointed = new AuthStore();
        checkpointed.restore([authEntry.decode(authEntry.encode(store.checkpoint()))]);
        const plain = (each: AuthStore) => JSON.stringify(look(each), (_, value) => plainOf(value));
        expect(plain(replayed)).toBe(plain(store));
        expect(plain(checkpointed)).toBe(plain(store));
      }),
      { numRuns: 300 },
    );
  });
});

function plainOf(value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value instanceof Uint8Array ? [...value] : value;
}
