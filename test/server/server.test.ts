import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { deferred } from '../../src/core/deferred.js';
import { EngineHost } from '../../src/engine/engine-host.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { startServer } from '../../src/server/server.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { grpcFrame } from '../../src/wire/grpc-frame.js';
import { MessageReader } from '../../src/wire/message-reader.js';
import { kvMethods, watchMethods } from '../../src/wire/methods.js';
import { nextMessage, RawClient } from './support/raw-client.js';
import { eventually } from './support/wait.js';

const listen = { host: '127.0.0.1', port: 0 };

describe('startServer', () => {
  it('tells where it listens, on a free port for 0', async () => {
    const server = await startServer({ runtime: new NodeRuntime(), listen });
    expect(server.port).toBeGreaterThan(0);
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    await server.close();
  });

  it('listens on IPv6', async () => {
    const server = await startServer({ runtime: new NodeRuntime(), listen: { host: '::1', port: 0 } });
    expect(server.url).toBe(`http://[::1]:${server.port}`);
    const client = await new RawClient(server.url).ready();
    expect(await client.call(kvMethods.put.path, kvMethods.put.request.encode({ key: utf8('k') }))).toMatchObject({
      status: '0',
    });
    await client.close();
    await server.close();
  });

  it('names the address that is in use, and leaves nothing behind', async () => {
    const server = await startServer({ runtime: new NodeRuntime(), listen });
    const runtime = new SimRuntime();
    const second = startServer({ runtime, listen: { host: '127.0.0.1', port: server.port } });
    await expect(second).rejects.toMatchObject({
      name: 'ConclaveError',
      code: 'UNAVAILABLE',
      retryable: false,
      message: `cannot listen on 127.0.0.1:${server.port}: the address is in use`,
    });
    expect(runtime.pendingTimers).toBe(0);
    await server.close();
  });

  it('closes an engine of its own and leaves a given one open; close is idempotent', async () => {
    const runtime = new NodeRuntime();
    const own = await startServer({ runtime, listen });
    await Promise.all([own.close(), own.close()]);
    await own.close();
    expect(own.host.closed).toBe(true);

    const host = new EngineHost(runtime);
    const server = await startServer({ runtime, listen, host });
    expect(server.host).toBe(host);
    await server.close();
    expect(host.closed).toBe(false);
    host.close();
  });

  it('frees the watches of a client that vanishes', async () => {
    const server = await startServer({ runtime: new NodeRuntime(), listen });
    const client = await new RawClient(server.url).ready();
    const stream = client.open(watchMethods.watch.path);
    const request = { type: 'create', request: { key: utf8('k') } } as const;
    for (let i = 0; i < 10; i++) stream.write(grpcFrame(watchMethods.watch.request.encode(request)));
    await nextMessage(stream);
    await eventually(() => server.host.stats().watchers === 10);
    await client.close();
    await eventually(() => server.host.stats().watchers === 0);
    expect(server.stats().calls).toBe(0);
    await server.close();
  });

  it('sends a slow client all of a history larger than what may wait for it, in order', async () => {
    const runtime = new NodeRuntime();
    const host = new EngineHost(runtime);
    const revisions = 20_000;
    const value = new Uint8Array(1_000);
    for (let i = 0; i < revisions; i++) host.put({ key: utf8(`k/${i % 7}`), value });
    const server = await startServer({ runtime, listen, host, limits: { maxUnsentBytes: 4 * 1024 * 1024 } });
    const client = await new RawClient(server.url, { initialWindowSize: 100_000 }).ready();
    const stream = client.open(watchMethods.watch.path);
    const seen: bigint[] = [];
    const all = deferred();
    const reader = new MessageReader(64 * 1024 * 1024);
    stream.on('data', (chunk: Buffer) =>
      reader.push(chunk, (message) => {
        for (const { kv } of watchMethods.watch.response.decode(message).events) seen.push(kv.modRevision);
        if (seen.length >= revisions + 1) all.resolve();
      }),
    );
    const request = { key: utf8('k/'), rangeEnd: utf8('k0'), startRevision: 2n };
    stream.write(grpcFrame(watchMethods.watch.request.encode({ type: 'create', request })));
    await eventually(() => seen.length > 0);
    host.put({ key: utf8('k/live') });
    await all.promise;
    expect(seen).toEqual(Array.from({ length: revisions + 1 }, (_, i) => BigInt(i + 2)));
    await client.close();
    await server.close();
    host.close();
  });

  it('leaves no timer behind', async () => {
    const runtime = new SimRuntime();
    const server = await startServer({ runtime, listen });
    const client = await new RawClient(server.url).ready();
    const { path, request } = kvMethods.put;
    expect(await client.call(path, request.encode({ key: utf8('k') }))).toMatchObject({ status: '0' });
    await server.close();
    expect(runtime.pendingTimers).toBe(0);
    await client.close();
  });
});
