import { afterAll, beforeAll, expect, it } from 'vitest';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { PasswordHasher } from '../../src/server/auth/password-hash.js';
import { type Server, startServer } from '../../src/server/server.js';
import type { RunningEtcd } from '../support/etcd/running.js';
import { findEtcd, startEtcd } from '../support/etcd.js';
import { difference, type EtcdDifference } from '../support/etcd-differences.js';
import { describeEtcdctl, etcdctlWith } from './support/etcdctl.js';
import { type Command, command, transcript } from './support/transcript.js';

const as = (user: string, ...lines: string[]) => lines.map((line) => command(`--user ${user} ${line}`));
const txn = (user: string, input: string): Command => ({ line: `--user ${user} txn`, input });

/** Run in this order on both servers, each of which starts empty. */
const scripts: readonly { readonly title: string; readonly commands: readonly Command[] }[] = [
  {
    title: 'users and roles while authentication is disabled',
    commands: [
      'user list',
      'role list',
      'user add root:root-pw',
      'user add root:again',
      'user add alice:alice-pw',
      'user add --no-password carol',
      'user list',
      'user get alice',
      'user get nobody',
      'user delete nobody',
      'role add app',
      'role add app',
      'role get app',
      'role get nothing',
      'role delete nothing',
      'role list',
      'user grant-role alice app',
      'user grant-role alice app',
      'user grant-role alice nothing',
      'user grant-role nobody app',
      'user get alice',
      'user get alice --detail',
      'user revoke-role alice nothing',
      'user revoke-role nobody app',
      'role grant-permission app readwrite app/ app0',
      'role grant-permission app read shared',
      'role grant-permission app write log/ --prefix',
      'role grant-permission app read app/ app0',
      'role grant-permission app readwrite app/ app0',
      'role grant-permission app read zz --from-key',
      'role grant-permission nothing read a',
      'role get app',
      'role revoke-permission app nothing',
      'role revoke-permission nothing a',
      'role revoke-permission app zz --from-key',
      'role get app',
      'user add bob:bob-pw',
      'role add reader',
      'role grant-permission reader read --prefix app/',
      'user grant-role bob reader',
      'user grant-role root root',
      'user list -w json',
      'role get app -w json',
      'user get alice -w json',
      'auth disable',
      '--user alice:wrong get app/1',
    ].map(command),
  },
  {
    title: 'refusals while authentication is enabled',
    commands: [
      command('auth enable'),
      ...['get app/1', 'put app/1 x', 'del app/1', 'user list', 'role list'].map(command),
      ...['auth disable', 'auth enable'].map(command),
      ...as('alice:wrong', 'get app/1'),
      ...as('nobody:pw', 'get app/1'),
      ...as('carol:pw', 'get app/1'),
      ...as('alice:alice-pw', 'put app/1 one', 'get app/1', 'get app/ --prefix', 'get app/ --prefix --keys-only'),
      ...as('alice:alice-pw', 'get a --prefix', 'get app/ --from-key', 'get app/5 app/7', 'get app/5 app1'),
      ...as('alice:alice-pw', 'get shared', 'put shared x', 'put log/1 x', 'put log/1 x --prev-kv', 'get log/1'),
      ...as('alice:alice-pw', 'del log/1', 'del log/1 --prev-kv', 'del app/ --prefix', 'del app/ --from-key'),
      ...as('alice:alice-pw', 'get other', 'put other x', 'put app/x --ignore-value'),
      ...as('bob:bob-pw', 'get app/1', 'put app/1 x', 'get shared'),
      ...as('alice:alice-pw', 'user list', 'user get alice', 'user get bob', 'role get app', 'role get reader'),
      ...as('alice:alice-pw', 'role list', 'user add eve:eve', 'user delete bob', 'auth disable', 'auth enable'),
      ...as('alice:alice-pw', 'role grant-permission app read other', 'user grant-role alice root', 'alarm disarm'),
      ...as('root:root-pw', 'put other x', 'get --prefix o', 'get --from-key shared', 'user list', 'role list'),
    ],
  },
  {
    title: 'txns: every compare and every operation of both branches',
    commands: [
      txn('alice:alice-pw', 'value("app/1") = "one"\n\nput app/2 two\nget app/2\n\nput app/3 three\n\n'),
      txn('alice:alice-pw', 'value("other") = "one"\n\nput app/2 two\n\n\n'),
      txn('alice:alice-pw', 'value("app/1") = "one"\n\nput app/2 two\n\nput other three\n\n'),
      txn('alice:alice-pw', 'value("app/1") = "one"\n\nput other two\n\nput app/2 three\n\n'),
      txn('alice:alice-pw', '\n\nget other\n\n\n'),
      txn('alice:alice-pw', '\n\ndel app/ --prefix\n\n\n'),
      txn('alice:alice-pw', '\n\ndel log/1 --prev-kv\n\n\n'),
      txn('bob:bob-pw', '\n\nget app/1\n\n\n'),
    ],
  },
  {
    title: 'changes while authentication is enabled',
    commands: [
      ...as('root:root-pw', 'user delete root', 'user revoke-role root root', 'role delete root', 'role add root'),
      ...as('root:root-pw', 'role delete root', 'role get root'),
      { line: '--user root:root-pw user passwd alice --interactive=false', input: 'new-pw\n' },
      { line: '--user root:root-pw user passwd nobody --interactive=false', input: 'new-pw\n' },
      ...as('alice:alice-pw', 'get app/1'),
      ...as('alice:new-pw', 'get app/1'),
      ...as('root:root-pw', 'user revoke-role alice app', 'user revoke-role alice app'),
      ...as('alice:new-pw', 'get app/1'),
      ...as('root:root-pw', 'role delete reader', 'user get bob', 'role revoke-permission app shared', 'role get app'),
      ...as('bob:bob-pw', 'get app/1'),
      ...as('root:root-pw', 'user delete bob'),
      ...as('bob:bob-pw', 'get app/1'),
      ...as('root:root-pw', 'auth enable', 'auth disable'),
      command('get app/ --prefix --keys-only'),
      command('auth disable'),
    ],
  },
];

const maintenance = [
  'put m/1 one',
  'put m/1 two',
  'alarm list',
  'alarm disarm',
  'defrag',
  'endpoint health',
  'endpoint hashkv --rev=100000',
  'compaction 3',
  'endpoint hashkv --rev=2',
  'member remove 12ab',
  'member update 12ab --peer-urls=http://127.0.0.1:9',
  'member promote 12ab',
  'member add x --peer-urls=nonsense',
  'move-leader 12ab',
].map(command);

interface Difference {
  readonly line: string;
  readonly ours: RegExp;
  readonly etcd: RegExp;
  readonly row: EtcdDifference;
}

const maintenanceRights = difference('rights-maintenance');
const leaseRights = difference('rights-lease');

/** Run while authentication is enabled; where a line differs it must differ in this way on both. */
const differences: readonly Difference[] = [
  { line: 'lease grant 10', ours: /user name is empty/, etcd: /granted with TTL/, row: leaseRights },
  { line: 'lease list', ours: /user name is empty/, etcd: /found \d+ leases/, row: leaseRights },
  { line: 'member list', ours: /user name is empty/, etcd: /started/, row: maintenanceRights },
  {
    line: 'compaction 1',
    ours: /user name is empty/,
    etcd: /has been compacted|compacted rev/,
    row: maintenanceRights,
  },
  { line: 'alarm list', ours: /user name is empty/, etcd: /^\S.*\n\[exit code 0\]$/, row: maintenanceRights },
  {
    line: '--user root:root-pw role grant-permission app read b a',
    ours: /invalid auth management/,
    etcd: /Role app updated/,
    row: difference('permission-bad-range'),
  },
];

const etcdFound = await findEtcd({ own: true });

describeEtcdctl('etcdctl on users, roles and maintenance', (binary) => {
  const etcdctl = etcdctlWith(binary);
  let server: Server;
  let etcd: RunningEtcd | undefined;
  const bugs: unknown[] = [];

  beforeAll(async () => {
    const runtime = new NodeRuntime();
    server = await startServer({
      runtime,
      listen: { host: '127.0.0.1', port: 0 },
      hasher: new PasswordHasher(runtime, 4),
      onBug: (error) => bugs.push(error),
    });
    if (!('missing' in etcdFound)) etcd = await startEtcd();
  }, 60_000);
  afterAll(async () => {
    await server.close();
    await etcd?.stop();
    expect(bugs).toEqual([]);
  });

  for (const { title, commands } of scripts) {
    it(`says the same as real etcd: ${title}`, { timeout: 120_000 }, async ({ skip }) => {
      const ours = await transcript(etcdctl, server.url, commands);
      if (etcd === undefined) return skip('missing' in etcdFound ? etcdFound.missing : 'no etcd');
      expect(ours).toEqual(await transcript(etcdctl, etcd.url, commands));
    });
  }

  it('says the same as real etcd: maintenance', { timeout: 60_000 }, async ({ skip }) => {
    // Without the scheme, which etcdctl 3.4 would send as HTTP/2's authority: see the README of the server.
    const address = (url: string) => url.replace('http://', '');
    const ours = await transcript(etcdctl, address(server.url), maintenance);
    if (etcd === undefined) return skip('no etcd');
    expect(ours).toEqual(await transcript(etcdctl, address(etcd.url), maintenance));
  });

  it('differs from real etcd 3.4 only where it is known to', { timeout: 60_000 }, async ({ skip }) => {
    const enable = [...['user grant-role root root', 'auth enable'].map(command)];
    const disable = as('root:root-pw', 'auth disable');
    const answers = async (url: string) => {
      await transcript(etcdctl, url, enable);
      const lines = await transcript(
        etcdctl,
        url,
        differences.map(({ line }) => command(line)),
      );
      await transcript(etcdctl, url, disable);
      return lines;
    };
    const ours = await answers(server.url);
    for (const [i, { ours: expected }] of differences.entries()) expect(ours[i]).toMatch(expected);
    if (etcd === undefined) return skip('no etcd');
    if (!etcd.version.startsWith('3.4.')) return skip('the differences are those from etcd 3.4');
    const theirs = await answers(etcd.url);
    for (const [i, { etcd: expected, row }] of differences.entries()) expect(theirs[i], row.id).toMatch(expected);
  });
});
