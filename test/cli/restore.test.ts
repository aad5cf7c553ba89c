import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Conclave, connect } from '../../src/index.js';
import { findEtcd, startEtcd } from '../support/etcd.js';
import { describeSkipped } from '../support/skip.js';
import { conclave, etcdctl, findEtcdctl, keysBelow, serve } from './support/cli.js';

vi.setConfig({ testTimeout: 60_000 });

const source = await findEtcd({ own: true });
const root = ['--user', 'root:secret'];

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'conclave-restore-'));
});

afterEach(() => rm(dir, { recursive: true }));

async function run(url: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await etcdctl(url, args).ended();
  if (code !== 0) throw new Error(`etcdctl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** What an application of ours is told: the URL, and nothing else. It counts under a lock; returns count and fence. */
async function count(url: string): Promise<{ counted: number; fence: bigint }> {
  await using client = await connect(url, { username: 'app', password: 'pw' });
  return await client.withLock('counting', async ({ fence }) => {
    const counted = Number((await client.get('app/count'))?.value ?? 0) + 1;
    await client.put('app/count', String(counted));
    return { counted, fence };
  });
}

/** Keys with history, a lease, and users that have to be told apart. */
async function fill(url: string): Promise<{ lease: string; past: string }> {
  for (let i = 0; i < 13; i++) await run(url, 'put', `k${i}`, 'v'.repeat(i * 900));
  const past = JSON.parse(await run(url, 'del', 'k1', '--prefix', '-w', 'json')).header.revision - 1;
  const lease = /lease (\w+)/.exec(await run(url, 'lease', 'grant', '900'))?.[1] ?? '';
  await run(url, 'put', '--lease', lease, 'leased', 'x');
  await run(url, 'compaction', String(past - 5));
  for (const line of ['user add root:secret', 'user grant-role root root', 'user add app:pw', 'role add app']) {
    await run(url, ...line.split(' '));
  }
  await run(url, 'role', 'grant-permission', 'app', 'readwrite', '--prefix', 'app/');
  await run(url, 'role', 'grant-permission', 'app', 'readwrite', '--prefix', 'locks/');
  await run(url, 'user', 'grant-role', 'app', 'app');
  await run(url, 'auth', 'enable');
  return { lease, past: String(past) };
}

/** All that etcdctl can see of what was filled in. */
async function seen(url: string, { lease, past }: { lease: string; past: string }): Promise<unknown[]> {
  const kvs = async (...args: string[]) => JSON.parse(await run(url, ...root, 'get', '', '--prefix', ...args)).kvs;
  const rights = await Promise.all(
    ['role get app', 'user get app', 'user list'].map((line) => run(url, ...root, ...line.split(' '))),
  );
  return [
    await kvs('-w', 'json'),
    await kvs('-w', 'json', '--rev', past),
    await run(url, ...root, 'lease', 'timetolive', lease, '--keys').then((text) =>
      text.replace(/remaining\(\d+s\)/, ''),
    ),
    ...rights,
  ];
}

const withEtcd = (title: string, fn: () => void) => {
  if (findEtcdctl() === undefined) describeSkipped(title, 'no etcdctl on $PATH', fn);
  else if ('missing' in source) describeSkipped(title, source.missing, fn);
  else if (source.kind !== 'binary') describeSkipped(title, 'etcd is not a program of this machine', fn);
  else describe(title, fn);
};

withEtcd('moving to an etcd cluster', () => {
  it('by a snapshot: everything is there, passwords too, and a program goes on with another URL', async () => {
    await using ours = await serve('--data', join(dir, 'data'));
    const filled = await fill(ours.url);
    const first = await count(ours.url);
    const before = await seen(ours.url, filled);
    await run(ours.url, ...root, 'snapshot', 'save', join(dir, 'snapshot'));
    ours.server.kill('SIGTERM');
    await ours.server.ended();
    await using cluster = await startEtcd({ snapshot: join(dir, 'snapshot') });
    expect(await seen(cluster.url, filled)).toEqual(before);
    const second = await count(cluster.url);
    expect([first.counted, second.counted]).toEqual([1, 2]);
    expect(second.fence).toBeGreaterThan(first.fence);
  });

  it('and back', async () => {
    await using cluster = await startEtcd();
    const filled = await fill(cluster.url);
    const before = await seen(cluster.url, filled);
    await run(cluster.url, ...root, 'snapshot', 'save', join(dir, 'snapshot'));
    const made = await conclave(['restore', join(dir, 'snapshot'), '--data', join(dir, 'data')]).ended();
    expect(made).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^conclave: restored 10 keys and 1 leases at revision \d+ in /),
    });
    await using ours = await serve('--data', join(dir, 'data'));
    expect(await seen(ours.url, filled)).toEqual(before);
    expect((await count(ours.url)).counted).toBe(1);
  });

  it('by make-mirror: keys alone, while the old server is in use', async () => {
    await using ours = await serve();
    await using cluster = await startEtcd();
    await using from = await connect(ours.url);
    await using to = await connect(cluster.url);
    await from.put('a', '1');
    await using mirror = etcdctl(ours.url, ['make-mirror', new URL(cluster.url).host]);
    await keysBelow(to, '', 1);
    await from.put('b', '2');
    await from.delete('a');
    await hasValue(to, 'b', '2');
    await keysBelow(to, '', 1);
    expect(mirror.child.exitCode).toBe(null);
  });
});

/** Resolves when `key` has this value. */
async function hasValue(client: Conclave, key: string, value: string): Promise<void> {
  const { header } = await client.range({ key: 'nothing' });
  const is = (bytes: Uint8Array | undefined) => bytes !== undefined && Buffer.from(bytes).toString() === value;
  if (is((await client.get(key))?.value)) return;
  for await (const { events } of client.watch({ key, startRevision: header.revision + 1n })) {
    if (events.some(({ kv }) => is(kv.value))) return;
  }
}

const without = () => {
  it('goes on beyond every revision that was seen, if asked', async () => {
    await using old = await serve();
    await using client = await connect(old.url);
    for (let i = 0; i < 5; i++) await client.put('k', String(i));
    await run(old.url, 'snapshot', 'save', join(dir, 'snapshot'));
    const { header } = await client.put('k', 'after the snapshot');
    const flags = ['--data', join(dir, 'data'), '--bump-revision', '1000', '--json'];
    const made = await conclave(['restore', join(dir, 'snapshot'), ...flags]).ended();
    expect(JSON.parse(made.stdout)).toMatchObject({ keys: 1, leases: 0, revision: '1006' });
    await using again = await serve('--data', join(dir, 'data'));
    await using reader = await connect(again.url);
    expect(await reader.get('k')).toMatchObject({ modRevision: 6n });
    await expect(reader.range({ key: 'k', revision: header.revision })).rejects.toThrow('has been compacted');
    expect((await reader.put('k', 'new')).header.revision).toBe(1007n);
  });

  it('refuses what is no snapshot, what is damaged, and a directory with something in it', async () => {
    await using old = await serve();
    await run(old.url, 'snapshot', 'save', join(dir, 'snapshot'));
    const restore = (file: string, ...flags: string[]) =>
      conclave(['restore', join(dir, file), '--data', join(dir, 'data'), ...flags]).ended();
    await writeFile(join(dir, 'other'), 'x'.repeat(544));
    expect((await restore('other')).stderr).toContain('the snapshot is damaged: its SHA-256 does not fit');
    expect((await restore('other', '--skip-hash-check')).stderr).toContain('damaged: there is no bbolt file');
    expect(await restore('none')).toMatchObject({ code: 6, stderr: expect.stringContaining('cannot read') });
    expect(await restore('snapshot')).toMatchObject({ code: 0, stderr: '' });
    const again = await restore('snapshot');
    expect(again).toMatchObject({ code: 6, stdout: '' });
    expect(again.stderr).toContain('data is not empty: it holds "0000000001.checkpoint"; name a new directory');
  });
};

if (findEtcdctl() === undefined) describeSkipped('conclave restore', 'no etcdctl on $PATH', without);
else describe('conclave restore', without);
