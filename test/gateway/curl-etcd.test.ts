import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { type Server, startServer } from '../../src/server/server.js';
import { executable } from '../support/etcd/machine.js';
import { describeEtcd, findEtcd, type RunningEtcd, startEtcd } from '../support/etcd.js';
import { difference } from '../support/etcd-differences.js';
import { describeSkipped } from '../support/skip.js';
import { base64 } from './support/http-client.js';
import { plain } from './support/plain.js';

/** Where the gateway of etcd 3.4, which is grpc-gateway v1.6, and ours rightly differ, and what is still the same. */
const knownDifferences = {
  failedPrecondition: { same: 'values', row: difference('gateway-failed-precondition') },
  texts: { same: 'status', row: difference('gateway-texts') },
  integers: { same: 'nothing', row: difference('gateway-integers') },
  folded: { same: 'all with 3.4', row: difference('gateway-folded-base64') },
  trailing: { same: 'nothing', row: difference('gateway-trailing') },
} as const;

type Difference = keyof typeof knownDifferences;

interface Example {
  readonly path: string;
  readonly body: unknown;
  /** Only what both say alike is compared. */
  readonly differs?: Difference;
}

const k = (name: string) => base64(`gateway/${name}`);
const all = { key: base64('gateway/'), range_end: base64('gateway0') };
const raw = (text: string) => ({ raw: text });

const examples: readonly Example[] = [
  { path: 'kv/put', body: { key: k('a'), value: base64('1') } },
  { path: 'kv/put', body: { key: k('a'), value: base64('2'), prev_kv: true } },
  { path: 'kv/put', body: { key: k('b'), prevKv: true, ignoreValue: false } },
  { path: 'kv/put', body: { key: k('c'), value: null, lease: '0' } },
  { path: 'kv/put', body: { key: k('d'), unknown: 1 } },
  { path: 'kv/put', body: { key: `${k('folded')}\n`, value: 'YW\r\nJj' }, differs: 'folded' },
  { path: 'kv/put', body: { key: `${k('spaced')} ` }, differs: 'texts' },
  { path: 'kv/put', body: {} },
  { path: 'kv/put', body: { key: k('e'), lease: '123456' } },
  { path: 'kv/put', body: { key: k('missing'), ignore_value: true } },
  { path: 'kv/range', body: all },
  { path: 'kv/range', body: { ...all, sort_order: 'DESCEND', sort_target: 'VERSION', limit: '2' } },
  { path: 'kv/range', body: { ...all, sort_order: 2, sort_target: 1, limit: 2 } },
  { path: 'kv/range', body: { ...all, keys_only: true } },
  { path: 'kv/range', body: { ...all, countOnly: true } },
  { path: 'kv/range', body: { key: k('none') } },
  { path: 'kv/range', body: { key: k('a'), revision: '999999999' } },
  { path: 'kv/range', body: raw('') },
  { path: 'kv/range', body: raw('{'), differs: 'texts' },
  { path: 'kv/range', body: raw('{"key": "%%"}'), differs: 'texts' },
  { path: 'kv/range', body: raw('{"key": 5}'), differs: 'texts' },
  { path: 'kv/range', body: raw('{"limit": "x"}'), differs: 'texts' },
  {
    path: 'kv/txn',
    body: {
      compare: [
        { key: k('a'), target: 'VALUE', value: base64('2') },
        { key: k('a'), result: 'GREATER', version: '1' },
      ],
      success: [{ requestRange: { key: k('a') } }, { request_put: { key: k('t'), value: base64('x') } }],
      failure: [{ request_delete_range: { key: k('a') } }],
    },
  },
  {
    path: 'kv/txn',
    body: { compare: [{ key: k('a'), version: '7' }], failure: [{ requestDeleteRange: { key: k('t') } }] },
  },
  { path: 'kv/txn', body: { success: [{ request_txn: { success: [{ request_range: all }] } }] } },
  { path: 'kv/txn', body: {} },
  { path: 'kv/txn', body: { success: [{}] } },
  { path: 'kv/deleterange', body: { key: k('a'), prev_kv: true } },
  { path: 'kv/deleterange', body: { key: k('a') } },
  { path: 'lease/grant', body: { TTL: 300, ID: '7777' } },
  { path: 'lease/grant', body: { TTL: '300', ID: 7777 }, differs: 'failedPrecondition' },
  { path: 'kv/put', body: { key: k('l'), lease: 7777 } },
  { path: 'kv/range', body: { key: k('l') } },
  { path: 'lease/leases', body: {} },
  { path: 'kv/lease/leases', body: {} },
  { path: 'lease/keepalive', body: raw('{"ID":"7777"}{"ID":7777} {"ID":"1"}') },
  { path: 'lease/revoke', body: { ID: '7777' } },
  { path: 'kv/lease/revoke', body: { ID: '7777' } },
  { path: 'lease/timetolive', body: { ID: '7777', keys: true } },
  { path: 'kv/compaction', body: { revision: '999999999' } },
  { path: 'kv/compaction', body: { revision: '3', physical: true } },
  { path: 'kv/compaction', body: { revision: '3' } },
  { path: 'kv/range', body: { key: k('a'), revision: '1' } },
  { path: 'kv/range', body: raw('{"key": "YQ==", "limit": 1.0}'), differs: 'integers' },
  { path: 'kv/range', body: { key: '_-8' }, differs: 'integers' },
  { path: 'kv/range', body: raw('{"key": "YQ=="} x'), differs: 'trailing' },
  { path: 'nowhere', body: {}, differs: 'texts' },
];

const binary = executable('curl', process.env.PATH);
const run = promisify(execFile);

async function curl(...args: string[]): Promise<string> {
  const { stdout } = await run(binary ?? 'curl', ['-sS', '--max-time', '10', ...args]);
  return stdout;
}

interface Answer {
  readonly status: number;
  readonly values: readonly unknown[];
}

/** Status and JSON values, a line each; what is no JSON is left out. */
async function ask(url: string, { path, body }: Example): Promise<Answer> {
  const data = typeof body === 'object' && body !== null && 'raw' in body ? String(body.raw) : JSON.stringify(body);
  const text = await curl('-X', 'POST', '-d', data, '-w', '\n%{http_code}', `${url}/v3/${path}`);
  const lines = text.split('\n').filter((line) => line !== '');
  const status = Number(lines.pop());
  return { status, values: lines.filter((line) => line.startsWith('{')).map((line) => plain(JSON.parse(line), own)) };
}

/** Ids and terms. */
const own = ['cluster_id', 'member_id', 'raft_term'];

const found = await findEtcd({ own: true });
const withBoth: typeof describeEtcd =
  binary === undefined
    ? (title, fn) => describeSkipped(title, 'no curl on $PATH', () => fn({ url: '', version: '' }))
    : 'missing' in found
      ? (title, fn) => describeSkipped(title, found.missing, () => fn({ url: '', version: '' }))
      : describeEtcd;

withBoth('curl against our gateway and that of etcd', () => {
  let ours: Server;
  let etcd: RunningEtcd;
  beforeAll(async () => {
    ours = await startServer({ runtime: new NodeRuntime(), listen: { host: '127.0.0.1', port: 0 } });
    etcd = await startEtcd();
  });
  afterAll(async () => {
    await ours.close();
    await etcd.stop();
  });

  it('answers alike, one example after the other', async () => {
    const is34 = etcd.version.startsWith('3.4.');
    for (const example of examples) {
      const same = example.differs === undefined ? 'all' : knownDifferences[example.differs].same;
      // Done by one alone, it would set them apart for all that follows.
      if (same === 'all with 3.4' && !is34) continue;
      const [mine, theirs] = await Promise.all([ask(ours.url, example), ask(etcd.url, example)]);
      if (same.startsWith('all')) expect({ example, ...mine }).toEqual({ example, ...theirs });
      if (same === 'status') expect({ example, status: mine.status }).toEqual({ example, status: theirs.status });
      if (same === 'values') expect({ example, values: mine.values }).toEqual({ example, values: theirs.values });
      // A difference that is none any more is to be struck out.
      if (same === 'nothing' && is34) expect(mine.status).not.toBe(theirs.status);
    }
  });

  it('streams alike: what a watch tells of the past', async () => {
    const revision = JSON.parse(await curl('-d', '{"key":"AA=="}', `${ours.url}/v3/kv/range`)) as {
      header: { revision: string };
    };
    const from = String(BigInt(revision.header.revision) + 1n);
    for (const { url } of [ours, etcd]) {
      await ask(url, { path: 'kv/put', body: { key: k('w'), value: base64('1') } });
      await ask(url, { path: 'kv/deleterange', body: { key: k('w') } });
    }
    const create = JSON.stringify({ create_request: { key: k('w'), start_revision: from, prev_kv: true } });
    const watched = async (url: string) => {
      // Ends by its own deadline: curl says so with an exit code.
      const { stdout } = await run(binary ?? 'curl', ['-sS', '--max-time', '2', '-d', create, `${url}/v3/watch`]).catch(
        (error: unknown) => error as { stdout: string },
      );
      return stdout.split('\n').flatMap((line) => (line === '' ? [] : [plain(JSON.parse(line), own)]));
    };
    const [mine, theirs] = await Promise.all([watched(ours.url), watched(etcd.url)]);
    expect(mine.length).toBeGreaterThanOrEqual(2);
    expect(mine).toEqual(theirs);
  });

  it('tells health and version as etcd does', async () => {
    const get = async (url: string, path: string) => JSON.parse(await curl(`${url}${path}`)) as Record<string, string>;
    // etcd-difference: health-reason
    expect(await get(ours.url, '/health')).toMatchObject({ health: (await get(etcd.url, '/health')).health });
    expect(Object.keys(await get(ours.url, '/version'))).toEqual(
      expect.arrayContaining(Object.keys(await get(etcd.url, '/version'))),
    );
    const names = (text: string) => [...text.matchAll(/^([a-z_]+)(?:\{.*\})? /gm)].map(([, name]) => name);
    const theirs = new Set(names(await curl(`${etcd.url}/metrics`)));
    const mine = names(await curl(`${ours.url}/metrics`)).filter((name) => !name?.startsWith('conclave_'));
    expect(mine.filter((name) => !theirs.has(name))).toEqual([]);
  });
});
