import { afterAll, beforeAll, expect, it } from 'vitest';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { type Server, startServer } from '../../src/server/server.js';
import type { RunningEtcd } from '../support/etcd/running.js';
import { findEtcd, startEtcd } from '../support/etcd.js';
import { describeEtcdctl, EtcdctlRuns, etcdctlWith, normalise } from './support/etcdctl.js';
import { eventually, prefixCount } from './support/wait.js';

interface Command {
  readonly args: readonly string[];
  readonly input?: string;
}

const command = (line: string): Command => ({ args: words(line) });

/** Splits at spaces; `''` is an empty word. */
function words(line: string): string[] {
  return line.split(' ').map((word) => (word === "''" ? '' : word));
}

const txn = (input: string, ...args: string[]): Command => ({ args: ['txn', ...args], input });

/** Run in this order on both servers, each of which starts empty: revisions are the same. */
const scripts: readonly { readonly title: string; readonly commands: readonly Command[] }[] = [
  {
    title: 'put and get',
    commands: [
      'put k/1 one',
      'put k/2 two',
      'put k/3 three',
      'put k/2 TWO --prev-kv',
      'put k/4 --ignore-value',
      'put k/3 --ignore-value',
      'get k/1',
      'get k/nothing',
      'get k/2 -w json',
      'get k/ --prefix',
      'get k/ --prefix --rev=3',
      'get k/ --prefix --rev=100',
      'get k/ --prefix --limit=2 -w json',
      'get k/ --prefix --keys-only',
      'get k/ --prefix --count-only -w json',
      'get k/ --prefix --sort-by=MODIFY --order=DESCEND',
      'get k/ --prefix --sort-by=VALUE --order=ASCEND',
      'get k/ --prefix --sort-by=VERSION --order=DESCEND -w json',
      'get k/ --prefix --sort-by=CREATE --order=DESCEND --limit=1',
      'get k/1 k/3',
      'get --from-key k/2',
      'get --prefix --consistency=s k/',
      "get --prefix ''",
      'get k/ --prefix --print-value-only',
      'get k/1 --hex',
      'get k/1 -w fields',
      "put '' x",
    ].map(command),
  },
  {
    title: 'del',
    commands: [
      'put d/1 one',
      'put d/2 two',
      'put d/3 three',
      'del d/1 --prev-kv',
      'del d/1',
      'del d/ --prefix --prev-kv -w json',
      'del d/ --prefix',
      "del ''",
    ].map(command),
  },
  {
    title: 'txn',
    commands: [
      command('put t/1 one'),
      txn('value("t/1") = "one"\n\nput t/2 two\nget t/1\n\nput t/3 three\n\n'),
      txn('version("t/1") > "7"\n\nput t/2 two\n\nget t/ --prefix\ndel t/2 --prev-kv\n\n'),
      txn('mod("t/1") < "100"\ncreate("t/none") = "0"\n\nget t/1\n\n\n', '-w', 'json'),
      txn('\n\nput t/4 a\nput t/4 b\n\n\n'),
      txn('\n\nput t/4 a\ndel t/4\n\n\n'),
      txn('value("t/none") != "x"\n\nget t/1\n\nget t/none\n\n', '-w', 'json'),
      command('get --prefix t/ -w json'),
    ],
  },
  {
    title: 'lease',
    commands: [
      'lease grant 100 -w json',
      'lease grant 9000000001',
      'lease timetolive 7b',
      'lease revoke 7b',
      'lease keep-alive --once 7b',
      'put l/1 x --lease=7b',
    ].map(command),
  },
  {
    title: 'compaction',
    commands: [
      'put c/1 one',
      'put c/1 two',
      'compaction 5',
      'compaction 5',
      'get c/1 --rev=4',
      'get c/1 --rev=1000',
    ].map(command),
  },
  {
    title: 'bytes that are no text, and large values',
    commands: [
      { args: ['put', 'b/1'], input: 'from stdin\n' },
      { args: ['put', 'b/ü', '€'] },
      command('get b/ --prefix -w json'),
      { args: ['put', 'b/large'], input: 'x'.repeat(1_500_000) },
      { args: ['put', 'b/tooLarge'], input: 'x'.repeat(1_572_864) },
      { args: ['put', 'b/larger'], input: 'x'.repeat(2_100_000) },
      command('get b/ --prefix --keys-only'),
    ],
  },
  { title: 'endpoint health', commands: [command('endpoint health')] },
  { title: 'what is not there', commands: ['get', 'nonsense'].map(command) },
];

const etcdFound = await findEtcd({ own: true });

describeEtcdctl('etcdctl', (binary) => {
  const etcdctl = etcdctlWith(binary);
  let server: Server;
  let etcd: RunningEtcd | undefined;
  const runs = new EtcdctlRuns(binary);
  const run = (url: string, line: string) => runs.start(url, words(line));

  beforeAll(async () => {
    server = await startServer({ runtime: new NodeRuntime(), listen: { host: '127.0.0.1', port: 0 } });
    if (!('missing' in etcdFound)) etcd = await startEtcd();
  });
  afterAll(async () => {
    await runs.endAll();
    await server.close();
    await etcd?.stop();
  });

  const transcript = async (url: string, commands: readonly Command[]) => {
    const outputs: string[] = [];
    for (const { args, input } of commands) {
      const { stdout, stderr, code } = await etcdctl(url, args, input);
      const shown = input === undefined ? '' : ` < ${input.slice(0, 40)}`;
      outputs.push(`$ etcdctl ${args.join(' ')}${shown}\n${stdout}${stderr}[exit code ${code}]`);
    }
    return normalise(outputs.join('\n'), url);
  };

  for (const { title, commands } of scripts) {
    it(`says the same as on real etcd: ${title}`, { timeout: 60_000 }, async ({ skip }) => {
      const ours = await transcript(server.url, commands);
      if (etcd === undefined) return skip('missing' in etcdFound ? etcdFound.missing : 'no etcd');
      expect(ours).toBe(await transcript(etcd.url, commands));
    });
  }

  it('says the same as on real etcd: watch from a revision, with earlier values, and on', async ({ skip }) => {
    const watched = async (url: string) => {
      await etcdctl(url, ['put', 'w/1', 'one']);
      const { stdout } = await etcdctl(url, ['get', 'w/1', '-w', 'json']);
      const revision = JSON.parse(stdout).header.revision as number;
      await etcdctl(url, ['put', 'w/1', 'two']);
      await etcdctl(url, ['del', 'w/1']);
      const watch = run(url, `watch w/ --prefix --prev-kv --rev=${revision}`);
      await watch.lines(11);
      await etcdctl(url, ['put', 'w/2', 'live']);
      await watch.lines(14);
      await etcdctl(url, ['del', 'w/2']);
      const lines = await watch.lines(19);
      await watch.end();
      return lines;
    };
    const ours = await watched(server.url);
    expect(ours.slice(0, 3)).toEqual(['PUT', 'w/1', 'one']);
    if (etcd === undefined) return skip('no etcd');
    expect(ours).toEqual(await watched(etcd.url));
  });

  it('watch from a compacted revision ends as on real etcd', async ({ skip }) => {
    const watched = async (url: string) => {
      await etcdctl(url, ['put', 'wc', 'x']);
      const { stdout } = await etcdctl(url, ['put', 'wc', 'y', '-w', 'json']);
      await etcdctl(url, ['compaction', String(JSON.parse(stdout).header.revision)]);
      const { stderr, code } = await etcdctl(url, ['watch', 'wc', '--rev=2']);
      return [stderr.replaceAll(/\d+/g, '<n>'), code];
    };
    const ours = await watched(server.url);
    expect(ours[0]).toContain('required revision has been compacted');
    if (etcd === undefined) return skip('no etcd');
    expect(ours).toEqual(await watched(etcd.url));
  });

  it('grants, shows, keeps and revokes a lease with its keys', async () => {
    const { stdout: granted } = await etcdctl(server.url, words('lease grant 60'));
    const id = /lease ([0-9a-f]+) granted with TTL\(60s\)/.exec(granted)?.[1] as string;
    await etcdctl(server.url, ['put', 'leased', 'x', `--lease=${id}`]);
    const shown = await etcdctl(server.url, ['lease', 'timetolive', id, '--keys']);
    expect(shown.stdout).toMatch(/granted with TTL\(60s\), remaining\((59|60|5\d)s\), attached keys\(\[leased\]\)/);
    expect((await etcdctl(server.url, ['lease', 'keep-alive', '--once', id])).stdout).toBe(
      `lease ${id} keepalived with TTL(60)\n`,
    );
    expect((await etcdctl(server.url, ['lease', 'list'])).stdout).toContain(id);
    expect((await etcdctl(server.url, ['lease', 'revoke', id])).stdout).toBe(`lease ${id} revoked\n`);
    expect((await etcdctl(server.url, ['get', 'leased'])).stdout).toBe('');
    expect(server.host.stats().leases).toBe(1);
  });

  it('lock: the second holder waits for the first, and the command sees the key', async () => {
    const first = run(server.url, 'lock /locks/a --ttl=30');
    const [firstKey] = await first.lines(1);
    expect(firstKey).toMatch(/^\/locks\/a\/[0-9a-f]+$/);
    const second = run(server.url, 'lock /locks/a --ttl=30 printenv ETCD_LOCK_KEY');
    await prefixCount(server.host, '/locks/a/', 2);
    expect(second.stdout).toBe('');
    expect(await first.end()).toBe(0);
    const [secondKey] = await second.lines(1);
    expect(secondKey).toMatch(/^\/locks\/a\/[0-9a-f]+$/);
    expect(secondKey).not.toBe(firstKey);
    await second.end();
    await prefixCount(server.host, '/locks/a/', 0);
  });

  it('elect: the next candidate leads when the first is gone, and a listener sees both', async () => {
    const first = run(server.url, 'elect boss one');
    expect((await first.lines(2))[1]).toBe('one');
    const listener = run(server.url, 'elect boss -l');
    expect((await listener.lines(2))[1]).toBe('one');
    const second = run(server.url, 'elect boss two');
    await prefixCount(server.host, 'boss/', 2);
    expect(await first.end()).toBe(0);
    expect((await second.lines(2))[1]).toBe('two');
    expect((await listener.lines(4))[3]).toBe('two');
    await second.end();
    await listener.end();
  });

  it('endpoint status and member list name one member, which leads', async () => {
    // Without a scheme: etcdctl 3.4 would send `http://…` as HTTP/2's `:authority`, which nghttp2 refuses.
    const address = server.url.replace('http://', '');
    const { stdout: status } = await etcdctl(address, words('endpoint status -w json'));
    const [endpoint] = JSON.parse(status);
    expect(endpoint.Status.leader).toBe(endpoint.Status.header.member_id);
    expect(endpoint.Status.version).toMatch(/^3\.5\./);
    const { stdout: members } = await etcdctl(server.url, words('member list'));
    expect(members).toMatch(new RegExp(`^[0-9a-f]+, started, conclave, , ${server.url}, false\n$`));
  });

  it('leaves no watcher behind when it is killed', async () => {
    const before = server.host.stats().watchers;
    await etcdctl(server.url, ['put', 'killed/1', 'x']);
    const watch = run(server.url, `watch --prefix killed/ --rev=${server.host.stats().revision}`);
    await watch.lines(3);
    expect(server.host.stats().watchers).toBe(before + 1);
    await watch.end('SIGKILL');
    await eventually(() => server.host.stats().watchers === before);
    await eventually(() => server.stats().calls === 0);
  });
});
