import { afterAll, beforeAll, expect, it } from 'vitest';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { type Server, startServer } from '../../src/server/server.js';
import type { RunningEtcd } from '../support/etcd/running.js';
import { findEtcd, startEtcd } from '../support/etcd.js';
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
      'role grant-permission app read b a',
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
      ...['get app/1', 'put app/1 x', 'del app/1', 'lease grant 10', 'lease list', 'user list', 'role list'].map(command),
      ...['auth disable', 'auth enable', 'compaction 1'].map(command),
      ...as('alice:wrong', 'get app/1'),
      ...as('nobody:pw', 'get app/1'),
      ...as('carol:pw', 'get app/1'),
      ...as('alice:alice-pw', 'put app/1 one', 'get app/1', 'get app/ --prefix', 'get app/ --prefix --keys-only'),
      ...as('alice:alice-pw', 'get a --prefix', 'get app/ --from-key', 'get app/5 app/7', 'get app/5 app1'),
      ...as('alice:alice-pw', 'get shared', 'put shared x', 'put log/1 x', 'put log/1 x --prev-kv', 'get log/1'),
      ...as('alice:alice-pw', 'del log/1', 'del log/1 --prev-kv', 'del app/ --prefix', 'del app/ --from-key'),
      ...as('alice:alice-pw', 'get other', 'put other x', 'put app/x --ignore-value', 'compaction 1'),
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
  {
    title: 'maintenance',
    commands: [
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
    ].map(command),
  },
];

const etcdFound = await findEtcd({ own: true });

describeEtcdctl('etcdctl on users, roles and maintenance', (binary) => {
  const etcdctl = etcdctlWith(binary);
  let server: Server;
  let etcd: RunningEtcd | undefined;
  const bugs: unknown[] = [];

  beforeAll(async () => {
    server = await startServer({
      runtime: new NodeRuntime(),
      listen: { host: '127.0.0.1', port: 0 },
      passwordHashCost: { logN: 4, r: 1, p: 1 },
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
});
