import fc from 'fast-check';
import { authAdminMethods } from '../../src/wire/admin-methods.js';
import { type Operation, operation } from '../engine/operations.js';

/** Who asks while authentication is enabled; `nobody` sends no token, `liar` one that was never given out. */
export const callers = ['root', 'ann', 'bob', 'nobody', 'liar'] as const;
export type CallerName = (typeof callers)[number];

export const authCalls = {
  ...{ enable: authAdminMethods.enable, disable: authAdminMethods.disable },
  ...{ userAdd: authAdminMethods.userAdd, userGet: authAdminMethods.userGet, userList: authAdminMethods.userList },
  ...{ userDelete: authAdminMethods.userDelete, userChangePassword: authAdminMethods.userChangePassword },
  ...{ userGrantRole: authAdminMethods.userGrantRole, userRevokeRole: authAdminMethods.userRevokeRole },
  ...{ roleAdd: authAdminMethods.roleAdd, roleGet: authAdminMethods.roleGet, roleList: authAdminMethods.roleList },
  ...{ roleDelete: authAdminMethods.roleDelete, roleGrantPermission: authAdminMethods.roleGrantPermission },
  roleRevokePermission: authAdminMethods.roleRevokePermission,
} as const;

export type AuthCallName = keyof typeof authCalls;

/** What a sequence is made of: operations on data, on users and roles, and logins, each by somebody. */
export type Step =
  | (Operation & { readonly by: CallerName })
  | { readonly type: 'auth'; readonly name: AuthCallName; readonly request: object; readonly by: CallerName }
  | { readonly type: 'login'; readonly name: CallerName; readonly password: string };

export interface Sequence {
  readonly steps: readonly Step[];
  /** Whether to start watches in the past: those cost a wait for etcd's sync tick. */
  readonly past: boolean;
  /** Whether there are users, and authentication is enabled at first. */
  readonly secured: boolean;
}

const user = fc.constantFrom('ann', 'ann', 'bob', 'bob', 'root', 'eve', '');
const role = fc.constantFrom('r1', 'r1', 'r2', 'r2', 'r3', 'root', '');
/** Root keeps its role and is never deleted while authentication is disabled: somebody must be able to end it. */
const harmlessUser = fc.constantFrom('ann', 'bob', 'eve', '');
const harmlessRole = fc.constantFrom('r1', 'r2', 'r3', '');
const password = fc.constantFrom('pw', 'pw', 'pw', 'other');
const noBytes = Buffer.alloc(0);
// etcd-difference: permission-same-key
/** One end for each key. */
const keys = fc.constantFrom(['a', 'c'], ['b', ''], ['ab', ''], ['aa', 'ac'], ['b\0', 'd'], ['c', '\0']);
const range = keys.map(([key, end]) => ({ key: Buffer.from(key as string), rangeEnd: Buffer.from(end as string) }));
const permission = fc
  .record({ permType: fc.nat(2), range })
  .map(({ permType, range: each }) => ({ permType, ...each }));

type Choice = { readonly arbitrary: fc.Arbitrary<{ name: AuthCallName; request: object }>; readonly weight: number };

function choice(weight: number, name: AuthCallName, request: fc.Arbitrary<object> = fc.constant({})): Choice {
  return { arbitrary: request.map((each) => ({ name, request: each })), weight };
}

const newUser = fc.record({ name: user, password, noPassword: fc.constantFrom(false, false, true) });

const authCall = fc.oneof(
  choice(2, 'enable'),
  choice(1, 'disable'),
  choice(
    2,
    'userAdd',
    newUser.map(({ name, password: each, noPassword }) => ({
      ...{ name, password: noPassword ? '' : each, hashedPassword: '' },
      options: noPassword ? { noPassword } : undefined,
    })),
  ),
  choice(2, 'userGet', fc.record({ name: user })),
  choice(1, 'userList'),
  choice(1, 'userDelete', fc.record({ name: harmlessUser })),
  choice(2, 'userChangePassword', fc.record({ name: user, password, hashedPassword: fc.constant('') })),
  choice(4, 'userGrantRole', fc.record({ user, role })),
  choice(2, 'userRevokeRole', fc.record({ name: harmlessUser, role })),
  choice(2, 'roleAdd', fc.record({ name: role })),
  choice(2, 'roleGet', fc.record({ role })),
  choice(1, 'roleList'),
  choice(1, 'roleDelete', fc.record({ role: harmlessRole })),
  choice(6, 'roleGrantPermission', fc.record({ name: role, perm: permission })),
  choice(
    2,
    'roleRevokePermission',
    fc.record({ role, range }).map(({ role: of, range: each }) => ({ role: of, ...each })),
  ),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    arbitrary: fc
      .tuple(
        operation({ watchWeight: 2 }),
        fc.constantFrom<CallerName[]>('ann', 'ann', 'bob', 'root', 'nobody', 'liar'),
      )
      .map(([each, by]) => ({ ...each, by })),
    weight: 10,
  },
  {
    arbitrary: fc
      .tuple(authCall, fc.constantFrom<CallerName[]>('root', 'root', 'root', 'root', 'ann', 'nobody', 'liar'))
      .map(([each, by]) => ({ type: 'auth' as const, ...each, by })),
    weight: 6,
  },
  {
    arbitrary: fc.record({
      type: fc.constant('login' as const),
      name: fc.constantFrom<CallerName[]>('root', 'ann', 'bob', 'nobody'),
      password,
    }),
    weight: 1,
  },
);

const past = fc.constantFrom(true, false, false, false);
const plain = fc.record({
  steps: fc.array(
    operation({ watchWeight: 2 }).map((each): Step => ({ ...each, by: 'nobody' })),
    { minLength: 1, maxLength: 24 },
  ),
  past,
  secured: fc.constant(false),
});
const secured = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 30 }),
  past: fc.constant(false),
  secured: fc.constant(true),
});

export const sequence: fc.Arbitrary<Sequence> = fc.oneof(
  { arbitrary: plain, weight: 2 },
  { arbitrary: secured, weight: 1 },
);

/** What every sequence with users begins with, as root-to-be, in this order. */
export const founding: readonly { readonly name: AuthCallName; readonly request: object }[] = [
  ...['root', 'keeper', 'ann', 'bob'].map((name) => ({
    name: 'userAdd' as const,
    request: { name, password: 'pw', options: undefined, hashedPassword: '' },
  })),
  ...['r1', 'r2'].map((name) => ({ name: 'roleAdd' as const, request: { name } })),
  ...[
    ['root', 'root'],
    ['keeper', 'root'],
    ['ann', 'r1'],
    ['bob', 'r2'],
  ].map(([name, of]) => ({ name: 'userGrantRole' as const, request: { user: name, role: of } })),
  ...[
    { name: 'r1', perm: { permType: 2, key: Buffer.from('a'), rangeEnd: Buffer.from('c') } },
    { name: 'r2', perm: { permType: 0, key: Buffer.from('b'), rangeEnd: noBytes } },
  ].map((request) => ({ name: 'roleGrantPermission' as const, request })),
];
