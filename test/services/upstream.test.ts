import { expect, it, vi } from 'vitest';
import { GrpcChannel } from '../../src/channels/grpc-channel.js';
import { utf8 } from '../../src/core/bytes.js';
import type { Scope } from '../../src/core/scope.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { startUpstreamServer } from '../../src/server/upstream/upstream-server.js';
import { kvMethods, watchMethods } from '../../src/wire/methods.js';
import { describeEtcd } from '../support/etcd.js';
import { failure, keyText } from './support/client.js';
import { bench } from './support/servers.js';

vi.setConfig({ testTimeout: 60_000 });

const runtime = new NodeRuntime();

async function inFrontOf(scope: Scope, ...urls: string[]): Promise<string> {
  const channels = urls.map((url) => new GrpcChannel({ address: new URL(url).host }));
  const server = await startUpstreamServer({
    runtime,
    listen: { host: '127.0.0.1', port: 0 },
    upstream: urls,
    channels,
  });
  scope.add(() => server.close());
  return server.url;
}

describeEtcd('conclave serve --upstream', ({ url }) => {
  const open = bench((scope) => inFrontOf(scope, url), 'conclave');

  it('locks through it and through etcd itself exclude each other, and tell the header of the cluster', async () => {
    const { name, client, scope } = await open();
    const through = client();
    const { ServicesClient } = await import('./support/client.js');
    const direct = new ServicesClient(url);
    scope.add(() => direct.close());
    const [l1, l2] = [await through.grant(), await through.grant()];
    const theirs = await direct.lock(name, l1);
    const ours = through.lock(name, l2);
    await direct.untilBelow(`${name}/`, 2);
    await direct.unlock(theirs.key);
    const { header, key } = await ours;
    expect(header).toMatchObject({ clusterId: theirs.header.clusterId, memberId: theirs.header.memberId });
    expect(header.raftTerm).toBe(theirs.header.raftTerm);
    await through.unlock(key);
    expect(await direct.below(`${name}/`)).toEqual([]);
  });

  it('hands everything else on: unary calls, streams, errors', async () => {
    const { name, client } = await open();
    const a = client();
    const { header } = await a.put(`${name}/k`, 'v');
    const watch = a.stream(watchMethods.watch, {
      type: 'create',
      request: { key: utf8(`${name}/k`), startRevision: header.revision },
    });
    expect(await watch.next()).toMatchObject({ created: true });
    const { events } = await watch.next();
    expect(events.map(({ kv }) => keyText(kv.value))).toEqual(['v']);
    watch.cancel();
    expect(await failure(a.unary(kvMethods.compact, { revision: header.revision + 1_000_000n }))).toEqual({
      code: 11,
      text: 'etcdserver: mvcc: required revision is a future revision',
    });
    expect(await failure(a.unary({ ...kvMethods.put, path: '/no.Such/Method' }, { key: utf8('k') }))).toEqual({
      code: 12,
      text: 'unknown service no.Such',
    });
    await a.remove(`${name}/k`);
  });
});
