import { expect, it, vi } from 'vitest';
import { randomHex } from '../../src/core/runtime.js';
import { connect } from '../../src/index.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { http } from '../gateway/support/http-client.js';
import { ServicesClient } from '../services/support/client.js';
import { makeCertificates } from '../support/certificates.js';
import { describeEtcd } from '../support/etcd.js';
import { conclave } from './support/cli.js';

vi.setConfig({ testTimeout: 60_000 });

describeEtcd('serve --upstream', ({ url: etcd }) => {
  it('says where and in front of what, serves locks and all the rest, and ends with 0', async () => {
    await using server = conclave(['serve', '--listen', '127.0.0.1:0', '--upstream', etcd]);
    const line = await server.line();
    const [, url = '', upstream] = /^conclave: serving etcd's v3 API on (http:\S+) \((\S+)\)$/.exec(line) ?? [];
    expect(upstream).toBe(etcd);
    const name = `/conclave-test/${randomHex(new NodeRuntime())}`;
    const client = new ServicesClient(url);
    const lease = await client.grant();
    const { key } = await client.lock(name, lease);
    const through = await connect(url);
    expect(await through.tryLock(name)).toBeNull();
    await client.unlock(key);
    await through.withLock(name, () => {});
    await through.close();
    await client.revoke(lease);
    client.close();
    server.kill('SIGTERM');
    expect(await server.ended()).toMatchObject({ code: 0, stderr: '' });
  });
});

it('serve --upstream: a certificate that names a user is refused, unless insisted on', async () => {
  using certificates = makeCertificates();
  const [cert, key] = [certificates.file('client.crt'), certificates.file('client.key')];
  const args = ['serve', '--listen', '127.0.0.1:0', '--upstream', 'https://127.0.0.1:1', '--cert', cert, '--key', key];
  await using refused = conclave(args);
  expect(await refused.ended()).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/--cert names client: .*--insecure-upstream-user/),
  });
  await using insisted = conclave([...args, '--insecure-upstream-user']);
  expect(await insisted.line()).toContain('serving');
});

it('serve --upstream --cert-file serves TLS to its clients', async () => {
  using certificates = makeCertificates();
  const files = ['--cert-file', certificates.file('server.crt'), '--key-file', certificates.file('server.key')];
  await using server = conclave(['serve', '--listen', '127.0.0.1:0', '--upstream', 'http://127.0.0.1:1', ...files]);
  const url = /https:\S+/.exec(await server.line())?.[0] ?? '';
  expect((await http(`${url}/metrics`, { tls: { ca: certificates.text('ca.crt') } })).status).toBe(200);
});

it('serve --upstream: what is no cluster is refused with exit code 3', async () => {
  await using wrong = conclave(['serve', '--listen', '127.0.0.1:0', '--upstream', 'memory:']);
  expect(await wrong.ended()).toMatchObject({ stderr: expect.stringContaining('--upstream memory:: no etcd cluster') });
});
