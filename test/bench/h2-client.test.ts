import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closedLoops } from '../../bench/load/calls.js';
import { H2Client } from '../../bench/load/h2-client.js';
import { fillTxn, requestsOf } from '../../bench/load/requests.js';
import { deferred } from '../../src/core/deferred.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { type Server, startServer } from '../../src/server/server.js';
import { kvMethods, watchMethods } from '../../src/wire/methods.js';
import { sharedEtcd } from '../support/etcd.js';

// What the numbers rest on: the generator's client must do what it says, on both servers.

let ours: Server;
beforeAll(async () => {
  ours = await startServer({ runtime: new NodeRuntime(), listen: { host: '127.0.0.1', port: 0 } });
});
afterAll(() => ours.close());

const etcd = sharedEtcd();
const servers = ['missing' in etcd ? [] : [['etcd', () => etcd.url] as const], [['ours', () => ours.url] as const]];

describe.each(servers.flat())('the load generator on %s', (_, url) => {
  const connect = () => H2Client.connect(Number(new URL(url()).port));

  it('has calls answered that were really made', async () => {
    const client = await connect();
    const { path, messages } = requestsOf('put');
    for (const message of messages.slice(0, 3)) await client.unary(path, message);
    const read = requestsOf('get');
    const answer = await client.unary(read.path, read.messages[2] as Uint8Array);
    expect(kvMethods.range.response.decode(answer).kvs[0]?.value).toHaveLength(100);
    client.close();
  });

  it('goes on beyond the first window, with more calls than one connection has room for at once', async () => {
    const client = await connect();
    let answered = 0;
    await closedLoops(64, (_caller, n) => {
      if (n >= 300) return undefined;
      return client.unary(kvMethods.txn.path, fillTxn(n, 50, 10_000)).then(() => {
        answered += 1;
      });
    });
    expect(answered).toBe(300);
    client.close();
  });

  it('tells a refused call from an answered one', async () => {
    const client = await connect();
    await expect(client.unary('/etcdserverpb.KV/None', new Uint8Array(0))).rejects.toThrow('failed');
    await expect(
      client.unary(kvMethods.put.path, kvMethods.put.request.encode({ key: Buffer.alloc(0) })),
    ).rejects.toThrow();
    client.close();
  });

  it('streams', async () => {
    const client = await connect();
    const created = deferred();
    const seen = deferred<number>();
    const request = { key: Buffer.from('bench/streamed') };
    client.call(watchMethods.watch.path, watchMethods.watch.request.encode({ type: 'create', request }), false, {
      onMessage: (bytes) => {
        const message = watchMethods.watch.response.decode(bytes);
        if (message.created) created.resolve();
        else seen.resolve(message.events.length);
      },
      onEnd: () => {},
    });
    await created.promise;
    await client.unary(kvMethods.put.path, kvMethods.put.request.encode({ ...request, value: Buffer.from('x') }));
    expect(await seen.promise).toBe(1);
    client.close();
  });
});
