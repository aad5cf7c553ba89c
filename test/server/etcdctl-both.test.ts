import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { type Server, startServer } from '../../src/server/server.js';
import type { RunningEtcd } from '../support/etcd/running.js';
import { findEtcd, startEtcd } from '../support/etcd.js';
import { difference } from '../support/etcd-differences.js';
import { describeEtcdctl, EtcdctlRuns, etcdctlWith, normalise } from './support/etcdctl.js';
import { command, transcript, words } from './support/transcript.js';

/** Without the scheme: see `http2-authority`. */
const addressOf = (url: string) => url.replace('http://', '');
/** What is left of a lease depends on the moment. */
/** etcd keeps a lease's keys in a map of Go's, and lists them in another order each time. */
const plainLease = (text: string) =>
  text
    .replaceAll(/remaining\(\d+s\)/g, 'remaining(<n>s)')
    .replaceAll(
      /attached keys\(\[(.*?)\]\)/g,
      (_, keys: string) => `attached keys([${keys.split(' ').sort().join(' ')}])`,
    );
/** The names and types of everything in it. */
const shapeOf = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shapeOf(each)]));
};

const etcdFound = await findEtcd({ own: true });

/** What etcdctl prints while it works, with ours and with a real etcd, both fresh. */
describeEtcdctl('etcdctl prints on our server what it prints on etcd', (binary) => {
  const etcdctl = etcdctlWith(binary);
  const dir = mkdtempSync(join(tmpdir(), 'conclave-etcdctl-'));
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
    rmSync(dir, { recursive: true, force: true });
    await server.close();
    await etcd?.stop();
  });

  const json = async (url: string, line: string) =>
    JSON.parse((await etcdctl(addressOf(url), words(`${line} -w json`))).stdout);
  const count = async (url: string, prefix: string) => Number((await json(url, `get ${prefix} --prefix`)).count ?? 0);
  /** Asks again at once: each answer is an event. */
  const untilCount = async (url: string, prefix: string, wanted: number) => {
    while ((await count(url, prefix)) !== wanted);
  };

  const scenarios: Readonly<Record<string, (url: string) => Promise<unknown>>> = {
    'leases from grant to revoke': async (url) => {
      const granted = await etcdctl(url, words('lease grant 60'));
      const id = /lease ([0-9a-f]+) granted/.exec(granted.stdout)?.[1] ?? '';
      const lines = [
        `put leased/1 x --lease=${id}`,
        `put leased/2 y --lease=${id}`,
        `lease timetolive ${id}`,
        `lease timetolive ${id} --keys`,
        `lease keep-alive --once ${id}`,
        'lease list',
        'put leased/2 z',
        `put leased/1 --ignore-value --ignore-lease`,
        `lease timetolive ${id} --keys`,
        `lease revoke ${id}`,
        `lease revoke ${id}`,
        `lease timetolive ${id}`,
        `lease keep-alive --once ${id}`,
        'lease list',
        'get leased/ --prefix',
      ];
      const told = await transcript(etcdctl, url, lines.map(command));
      return [granted.stdout, ...told].map((text) => plainLease(normalise(text.replaceAll(id, '<lease>'), url)));
    },
    'lock: the key, the command and its exit code; the next in line; a name that is held': async (url) => {
      const first = run(url, 'lock names/a --ttl=30');
      const [key = ''] = await first.lines(1);
      const second = run(url, 'lock names/a printenv ETCD_LOCK_KEY');
      await untilCount(url, 'names/a/', 2);
      const free = await etcdctl(
        url,
        words('lock names/b sh -c exit\u00a03').map((each) => each.replace('\u00a0', ' ')),
      );
      const code = await first.end();
      const [next = ''] = await second.lines(1);
      const nextCode = await second.end();
      await untilCount(url, 'names/', 0);
      const shape = /^names\/a\/[0-9a-f]+$/;
      return [shape.test(key), shape.test(next), key !== next, code, nextCode, free.code, normalise(free.stderr, url)];
    },
    'elect: the leader, the next one, who listens': async (url) => {
      const first = run(url, 'elect boss one');
      const won = await first.lines(2);
      const listener = run(url, 'elect boss -l');
      await listener.lines(2);
      const second = run(url, 'elect boss two');
      await untilCount(url, 'boss/', 2);
      const code = await first.end();
      const next = await second.lines(2);
      const heard = await listener.lines(4);
      const codes = [code, await second.end(), await listener.end()];
      return [[won, next, heard].map((lines) => lines.map((line) => line.replace(/^boss\/.*/, 'boss/<lease>'))), codes];
    },
    'watch by range, by key, of several, with a command': async (url) => {
      const put = (key: string, value: string) => etcdctl(url, ['put', key, value]);
      await put('watched/0', 'before');
      const { revision } = (await json(url, 'get watched/0')).header;
      const watches = [
        run(url, `watch watched/1 watched/3 --rev=${revision}`),
        run(url, `watch watched/ --prefix --rev=${revision} --prev-kv -w json`),
        run(url, `watch watched/1 --rev=${revision} -- sh -c env|grep=^ETCD_WATCH_|sort`.replace('=^', ' ^')),
      ];
      await put('watched/1', 'a');
      await put('watched/2', 'b');
      await put('watched/3', 'c');
      const [range, all] = [await watches[0]?.lines(6), await watches[1]?.lines(1)];
      for (const watch of watches) await watch.end();
      const events = (all ?? []).flatMap((line) => JSON.parse(line).Events as object[]);
      return [range, shapeOf(events.slice(0, 1))];
    },
    'members: one, started, no learner': async (url) => {
      const line = (await etcdctl(url, words('member list'))).stdout.trim().split(', ');
      const table = (await etcdctl(url, words('member list -w table'))).stdout.split('\n')[1];
      const members = await json(url, 'member list');
      const shape = { ...(shapeOf(members) as object), members: members.members.length };
      return [line.length, line[1], line[4] === url, line[5], table?.replaceAll(/\s+/g, ' '), shape];
    },
    'endpoint status: names and types, the member leads': async (url) => {
      const [status] = await json(url, 'endpoint status');
      const table = (await etcdctl(addressOf(url), words('endpoint status -w table'))).stdout.split('\n')[1];
      const simple = (await etcdctl(addressOf(url), words('endpoint status'))).stdout.split(', ').length;
      const { header, leader } = status.Status;
      // 3.4 knows neither the storage version nor the quota.
      const known = [
        'header',
        'version',
        'dbSize',
        'leader',
        'raftIndex',
        'raftTerm',
        'raftAppliedIndex',
        'dbSizeInUse',
      ];
      const told = shapeOf(Object.fromEntries(known.map((name) => [name, status.Status[name]])));
      return [told, leader === header.member_id, table?.replaceAll(/\s+/g, ' '), simple];
    },
    'endpoint health, also of the cluster': async (url) => {
      const lines = ['endpoint health', 'endpoint health -w json', 'endpoint health --cluster'];
      const told = await transcript(etcdctl, addressOf(url), lines.map(command));
      return told.map((text) => text.replaceAll(/"took":"[^"]*"/g, '"took":<time>').replaceAll('http://', ''));
    },
    'endpoint hashkv: the same twice, another after a write': async (url) => {
      const hash = async () => (await json(url, 'endpoint hashkv'))[0].HashKV;
      const [one, again] = [await hash(), await hash()];
      await etcdctl(url, ['put', 'hashed', 'x']);
      const other = await hash();
      return [shapeOf(one), one.hash === again.hash, one.hash === other.hash];
    },
    'alarms, compaction and defragmentation': (url) =>
      transcript(etcdctl, addressOf(url), ['alarm list', 'alarm disarm', 'defrag', 'compaction 100000'].map(command)),
    'snapshot save: what is printed, and a size that etcdctl takes for whole': async (url) => {
      const file = join(dir, `saved-${new URL(url).port}`);
      const { stdout, code } = await etcdctl(addressOf(url), ['snapshot', 'save', file]);
      const status = await json(url, `snapshot status ${file}`);
      return [stdout.replace(file, '<file>'), code, statSync(file).size % 512, Object.keys(status)];
    },
  };

  for (const [title, scenario] of Object.entries(scenarios)) {
    it(title, { timeout: 60_000 }, async ({ skip }) => {
      const ours = await scenario(server.url);
      if (etcd === undefined) return skip('missing' in etcdFound ? etcdFound.missing : 'no etcd');
      expect(ours).toEqual(await scenario(etcd.url));
    });
  }

  it('takes an endpoint with its scheme; hashes differ', {
    timeout: 60_000,
  }, async ({ skip }) => {
    if (etcd === undefined) return skip('missing' in etcdFound ? etcdFound.missing : 'no etcd');
    const outcome = async (url: string) => {
      const status = await etcdctl(url, words('endpoint status'));
      return [status.code === 0, (await json(url, 'endpoint hashkv'))[0].HashKV.hash];
    };
    const [ours, theirs] = [await outcome(server.url), await outcome(etcd.url)];
    expect([ours[0], theirs[0]]).toEqual([true, true]);
    expect(ours[1], difference('hash-values').id).not.toBe(theirs[1]);
  });
});
