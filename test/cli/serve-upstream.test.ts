import { expect, it, vi } from 'vitest';
import { randomHex } from '../../src/core/runtime.js';
import { connect } from '../../src/index.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { ServicesClient } from '../services/support/client.js';
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

it('serve --upstream: what is no cluster is refused with exit code 2', async () => {
  await using wrong = conclave(['serve', '--listen', '127.0.0.1:0', '--upstream', 'memory:']);
  expect(await wrong.ended()).toMatchObject({ stderr: expect.stringContaining('--upstream memory:: no etcd cluster') });
});
