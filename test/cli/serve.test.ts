import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectHttp2, type Settings } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { connect } from '../../src/index.js';
import { conclave, serve } from './support/cli.js';

// Whole processes, several a test: a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

it.each(['SIGTERM', 'SIGINT'] as const)(
  'serve: says where in one line, serves, and ends with 0 at %s',
  async (signal) => {
    await using server = conclave(['serve', '--listen', '127.0.0.1:0']);
    const line = await server.line();
    const [, url] = /^conclave: serving etcd's v3 API on (http:\/\/127\.0\.0\.1:\d+) \(in memory\)$/.exec(line) ?? [];
    const client = await connect(url);
    await client.put('a', 'b');
    expect((await client.get('a'))?.version).toBe(1n);
    await client.close();
    server.kill(signal);
    expect(await server.ended()).toEqual({ code: 0, signal: null, stdout: `${line}\n`, stderr: '' });
  },
);

it('serve: ends though a client stays connected, watching and holding', async () => {
  await using serving = await serve();
  await using waiter = conclave(['lock', '--url', serving.url, '--ttl', '1', 'x']);
  await waiter.line();
  serving.server.kill('SIGTERM');
  expect(await serving.server.ended()).toMatchObject({ code: 0, stderr: '' });
  expect(await waiter.ended()).toMatchObject({ code: 76 });
});

it('serve --exit-with-stdin: ends with stdin, and not before', async () => {
  await using server = conclave(['serve', '--listen', '127.0.0.1:0', '--json', '--exit-with-stdin']);
  const { url } = JSON.parse(await server.line()) as { url: string };
  server.child.stdin?.write('not the end');
  expect(await conclave(['lock', 'x', '--url', url, 'echo', 'ran']).ended()).toMatchObject({ code: 0 });
  server.child.stdin?.end();
  expect(await server.ended()).toMatchObject({ code: 0, stderr: '' });
  await using asked = conclave(['serve', '--listen', '127.0.0.1:0', '--exit-with-stdin']);
  await asked.line();
  asked.kill('SIGTERM');
  expect(await asked.ended()).toMatchObject({ code: 0, stderr: '' });
});

it('serve --json: the URL as JSON', async () => {
  await using server = conclave(['--json', 'serve', '--listen', '127.0.0.1:0']);
  expect(JSON.parse(await server.line())).toEqual({ url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) });
});

it('serve --http2: Node’s instead of our own; another kind is refused', async () => {
  await using server = conclave(['--json', 'serve', '--listen', '127.0.0.1:0', '--http2', 'node']);
  const { url } = JSON.parse(await server.line()) as { url: string };
  const session = connectHttp2(url);
  const [settings] = (await once(session, 'remoteSettings')) as [Settings];
  session.destroy();
  // Ours does not tell clients what only they can tell a server.
  expect(settings.enablePush).toBe(false);
  const wrong = await conclave(['serve', '--http2', 'curl']).ended();
  expect(wrong).toMatchObject({ code: 3, stderr: expect.stringContaining('own, node') });
});

it('serve: a port in use is an error that names it, exit code 1', async () => {
  await using first = await serve();
  const address = first.url.replace('http://', '');
  const second = await conclave(['serve', '--listen', address]).ended();
  expect(second).toMatchObject({ code: 1, stdout: '' });
  expect(second.stderr).toBe(`conclave: cannot listen on ${address}: the address is in use\n`);
});

it.each(['0.0.0.0:0', ':0', '[::]:0', '192.0.2.1:0', 'example.org:0', '127.evil.example:0'])(
  'serve --listen %s: refused, since anybody could come in',
  async (address) => {
    const refused = await conclave(['serve', '--listen', address]).ended();
    expect(refused).toMatchObject({ code: 3, stdout: '' });
    expect(refused.stderr).toMatch(/^conclave: refusing to listen on .*neither TLS nor a password.*127\.0\.0\.1.*\n$/);
  },
);

it('serve --insecure-allow-remote: warns and listens, here on an address that no machine has', async () => {
  const tried = await conclave(['serve', '--listen', '192.0.2.1:0', '--insecure-allow-remote']).ended();
  expect(tried.code).toBe(1);
  const [warning, error] = tried.stderr.split('\n');
  expect(warning).toMatch(/^conclave: warning: listening on 192\.0\.2\.1:0: there is neither TLS nor a password/);
  expect(error).toMatch(/^conclave: cannot listen on 192\.0\.2\.1:0/);
});

it.each(['2379', 'localhost', '127.0.0.1:65536', '127.0.0.1:', 'a:b:1'])(
  'serve --listen %s: no address, exit code 3',
  async (text) => {
    expect(await conclave(['serve', '--listen', text]).ended()).toMatchObject({ code: 3, stdout: '' });
  },
);

it('serve --quota-backend-bytes: refuses writes beyond it; what is no number of bytes is refused', async () => {
  await using server = conclave(['serve', '--listen', '127.0.0.1:0', '--json', '--quota-backend-bytes', '2000']);
  const { url } = JSON.parse(await server.line()) as { url: string };
  await using client = await connect(url);
  await client.put('a', 'x'.repeat(1_000));
  const refused = { code: 'RESOURCE_EXHAUSTED', message: 'etcdserver: mvcc: database space exceeded' };
  await expect(client.put('a', 'x'.repeat(1_000))).rejects.toMatchObject(refused);
  await expect(client.put('a', '')).rejects.toMatchObject(refused);
  const wrong = await conclave(['serve', '--quota-backend-bytes', '1GiB']).ended();
  expect(wrong.code).not.toBe(0);
  expect(wrong.stderr).toContain('Not a number of bytes.');
});

it('serve --retain-revisions: forgets history by itself, in memory and on disk', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'conclave-retain-'));
  try {
    for (const data of [[], ['--data', dir]]) {
      const flags = ['--json', '--listen', '127.0.0.1:0', '--retain-revisions', '10', ...data];
      await using server = conclave(['serve', ...flags]);
      await using client = await connect((JSON.parse(await server.line()) as { url: string }).url);
      for (let i = 0; i < 30; i++) await client.put('a', `${i}`);
      await expect(client.range({ key: 'a', revision: 2n })).rejects.toMatchObject({ code: 'COMPACTED' });
      expect((await client.range({ key: 'a', revision: 21n })).kvs).toHaveLength(1);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

it('serve --advertise-client-urls: what the member list tells', async () => {
  const urls = ['http://conclave.example:2379', 'https://10.0.0.7:2379'];
  const flags = ['--json', '--listen', '127.0.0.1:0', '--advertise-client-urls', urls.join()];
  await using server = conclave(['serve', ...flags]);
  const { url } = JSON.parse(await server.line()) as { url: string };
  const answer = await fetch(`${url}/v3/cluster/member/list`, { method: 'POST', body: '{}' });
  expect(await answer.json()).toMatchObject({ members: [{ clientURLs: urls }] });
  const wrong = await conclave(['serve', '--advertise-client-urls', 'conclave.example:2379']).ended();
  expect(wrong).toMatchObject({ code: 3, stderr: expect.stringContaining('Not URLs') });
});

it('serve --max-connections-per-address: how many may come from one', async () => {
  await using server = conclave(['serve', '--json', '--listen', '127.0.0.1:0', '--max-connections-per-address', '1']);
  const { url } = JSON.parse(await server.line()) as { url: string };
  await using first = await connect(url);
  await first.put('a', 'b');
  await expect(fetch(`${url}/health`)).rejects.toThrow('fetch failed');
  const wrong = await conclave(['serve', '--max-connections', '0']).ended();
  expect(wrong).toMatchObject({ code: 3, stderr: expect.stringContaining('Not a number above 0.') });
});
