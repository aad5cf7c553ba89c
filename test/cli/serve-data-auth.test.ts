import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { H2Channel } from '../../src/channels/h2-channel.js';
import { utf8 } from '../../src/core/bytes.js';
import { ConclaveError } from '../../src/core/errors.js';
import { statusOf } from '../../src/store/etcd-errors.js';
import { authAdminMethods as admin, maintenanceMethods } from '../../src/wire/admin-methods.js';
import { authMethods, kvMethods, type UnaryMethod } from '../../src/wire/methods.js';
import { serve } from './support/cli.js';

vi.setConfig({ testTimeout: 90_000 });

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'conclave-auth-'));
});

afterEach(() => rm(dir, { recursive: true }));

/** One `serve --data`, and a user of it. */
async function started() {
  const running = await serve('--data', dir, '--checkpoint-bytes', '1');
  const channel = new H2Channel({ address: running.url.replace('http://', '') });
  let token: string | undefined;
  const call = <Request, Response>(method: UnaryMethod<Request, Response>, request: Request) =>
    channel.unary(method, request, token === undefined ? {} : { metadata: { token } });
  return {
    call,
    /** Goes on with a token of this user, which it returns. */
    login: async (name: string, password: string) => {
      token = undefined;
      token = (await call(authMethods.authenticate, { name, password })).token;
      return token;
    },
    /** Goes on with this token. */
    use: (other: string | undefined) => {
      token = other;
    },
    kill: async () => {
      running.server.kill('SIGKILL');
      await running.server.ended();
      await channel.close();
    },
    [Symbol.asyncDispose]: async () => {
      await channel.close();
      await running[Symbol.asyncDispose]();
    },
  };
}

type Started = Awaited<ReturnType<typeof started>>;

/** All that etcd tells of users, roles, the switch and alarms; asked by root. */
async function told({ call }: Started) {
  const { users } = await call(admin.userList, {});
  const { roles } = await call(admin.roleList, {});
  const { enabled, authRevision } = await call(admin.status, {});
  const { alarms } = await call(maintenanceMethods.alarm, { action: 0, memberId: 0n, alarm: 0 });
  return {
    users: await Promise.all(users.map(async (name) => [name, (await call(admin.userGet, { name })).roles])),
    roles: await Promise.all(
      roles.map(async (role) => [
        role,
        (await call(admin.roleGet, { role })).perm.map(({ permType, key, rangeEnd }) =>
          [permType, Buffer.from(key).toString(), Buffer.from(rangeEnd).toString()].join(' '),
        ),
      ]),
    ),
    enabled,
    authRevision,
    alarms,
  };
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => 'done',
    (reason: unknown) => reason,
  );
  return ConclaveError.is(error) ? statusOf(error).text : String(error);
}

const user = (name: string, password: string) => ({ name, password, options: undefined, hashedPassword: '' });
const grant = (permType: number, key: string, rangeEnd = '') => ({
  permType,
  key: utf8(key),
  rangeEnd: utf8(rangeEnd),
});

it('serve --data: users, roles, the switch and alarms outlive kill -9; no file tells a password or token', async () => {
  const secrets = ['root-secret', 'alice-secret', 'alice-second', 'bob-secret'];
  const first = await started();
  await using _first = first;
  const { call } = first;
  await call(admin.userAdd, user('root', 'root-secret'));
  await call(admin.userAdd, user('alice', 'alice-secret'));
  await call(admin.userAdd, user('bob', 'bob-secret'));
  await call(admin.userAdd, { ...user('carol', ''), options: { noPassword: true } });
  await call(admin.roleAdd, { name: 'root' });
  await call(admin.roleAdd, { name: 'app' });
  await call(admin.roleAdd, { name: 'gone' });
  await call(admin.roleGrantPermission, { name: 'app', perm: grant(2, 'app/', 'app0') });
  await call(admin.roleGrantPermission, { name: 'app', perm: grant(0, 'shared') });
  await call(admin.roleGrantPermission, { name: 'app', perm: grant(1, 'log/', '\0') });
  await call(admin.roleRevokePermission, { role: 'app', key: utf8('shared'), rangeEnd: utf8('') });
  await call(admin.userGrantRole, { user: 'root', role: 'root' });
  await call(admin.userGrantRole, { user: 'alice', role: 'app' });
  await call(admin.userGrantRole, { user: 'alice', role: 'gone' });
  await call(admin.enable, {});
  secrets.push(await first.login('root', 'root-secret'));
  const { header } = await call(maintenanceMethods.status, {});
  await call(maintenanceMethods.alarm, { action: 1, memberId: header?.memberId ?? 0n, alarm: 1 });
  const before = await told(first);
  expect(before).toMatchObject({ enabled: true, authRevision: 15n, alarms: [{ alarm: 1 }] });
  const oldToken = await first.login('alice', 'alice-secret');
  secrets.push(oldToken);
  await first.kill();

  const second = await started();
  await using _second = second;
  const read = { key: utf8('app/1') };
  expect(await refusal(second.call(kvMethods.range, read))).toBe('etcdserver: user name is empty');
  second.use(oldToken);
  expect(await refusal(second.call(kvMethods.range, read))).toBe('etcdserver: invalid auth token');
  expect(await refusal(second.login('alice', 'alice-wrong'))).toMatch(/authentication failed, invalid user/);
  secrets.push(await second.login('alice', 'alice-secret'));
  expect((await second.call(kvMethods.range, read)).count).toBe(0n);
  expect(await refusal(second.call(kvMethods.range, { key: utf8('shared') }))).toBe('etcdserver: permission denied');
  secrets.push(await second.login('root', 'root-secret'));
  expect(await told(second)).toEqual(before);
  const put = { key: utf8('app/1'), value: utf8('1') };
  expect(await refusal(second.call(kvMethods.put, put))).toBe('etcdserver: mvcc: database space exceeded');

  await second.call(maintenanceMethods.alarm, { action: 2, memberId: header?.memberId ?? 0n, alarm: 1 });
  await second.call(admin.userChangePassword, { name: 'alice', password: 'alice-second', hashedPassword: '' });
  await second.call(admin.userDelete, { name: 'bob' });
  await second.call(admin.roleDelete, { role: 'gone' });
  // Passes a checkpoint.
  for (let i = 0; i < 5; i++) await second.call(kvMethods.put, put);
  const after = await told(second);
  expect(after).toMatchObject({ enabled: true, authRevision: 18n, alarms: [] });
  await second.call(admin.disable, {});
  await second.kill();

  const third = await started();
  await using _third = third;
  expect(await told(third)).toEqual({ ...after, enabled: false, authRevision: 19n });
  await third.call(admin.enable, {});
  expect(await refusal(third.login('alice', 'alice-secret'))).toMatch(/authentication failed, invalid user/);
  expect(await refusal(third.login('bob', 'bob-secret'))).toMatch(/authentication failed, invalid user/);
  secrets.push(await third.login('alice', 'alice-second'));
  expect((await third.call(kvMethods.range, read)).count).toBe(1n);
  await third.kill();

  const names = (await readdir(dir)).filter((name) => !name.startsWith('lock.'));
  expect(names.some((name) => name.endsWith('.checkpoint'))).toBe(true);
  const bytes = Buffer.concat(await Promise.all(names.map((name) => readFile(join(dir, name)))));
  // Else nothing could be found.
  expect(bytes.includes('alice')).toBe(true);
  const told64 = secrets.flatMap((each) => [each, Buffer.from(each).toString('base64').replaceAll('=', '')]);
  expect(told64.filter((secret) => bytes.includes(secret))).toEqual([]);
});
